"""`hf-recipes schema`: the JSON Schema for editors, or one key explained."""

from __future__ import annotations

import click

from hf_recipes.cli.arguments import json_option
from hf_recipes.cli.output import document, result


@click.command("schema")
@click.option("--field", metavar="KEY", help="Explain one key, such as params.lr.")
@click.option("--task", metavar="TASK", help="With --field: for this task only.")
@click.option("--engine", metavar="NAME", help="For recipes with this engine. Default: autotrain.")
@json_option
def schema_command(field: str | None, task: str | None, engine: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a recipe, or explain one key.

    Save it beside your recipe and put this on the recipe's first line, and editors complete and check it:

    \b
    # yaml-language-server: $schema=recipe.schema.json
    """
    from hf_recipes.api.recipes import describe_field, explain_field, recipe_json_schema
    from hf_recipes.recipe.explain import UnknownField

    if field is None and task is not None:
        raise click.UsageError("--task goes with --field")
    try:
        if field is None:
            document(recipe_json_schema(engine))
        elif as_json:
            document([{"key": field, **entry} for entry in describe_field(field, task, engine)])
        else:
            result(explain_field(field, task, engine))
    except UnknownField as error:
        raise click.UsageError(str(error)) from None
