"""`hf-recipes schema`: the JSON Schema for editors, or one key explained."""

from __future__ import annotations

import click

from hf_recipes.cli.arguments import json_option
from hf_recipes.cli.output import document, result


@click.command("schema")
@click.option("--field", metavar="KEY", help="Explain one key, such as params.lr.")
@click.option("--task", metavar="TASK", help="With --field: for this task only.")
@json_option
def schema_command(field: str | None, task: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a recipe, or explain one key.

    Save it beside your recipe and put this on the recipe's first line, and editors complete and check it:

    \b
    # yaml-language-server: $schema=recipe.schema.json
    """
    from hf_recipes.recipe.explain import UnknownField, described, explain
    from hf_recipes.recipe.schema import json_schema

    if field is None:
        if task is not None:
            raise click.UsageError("--task goes with --field")
        document(json_schema())
        return
    try:
        if as_json:
            document([{"key": field, **entry} for entry in described(field, task)])
        else:
            result(explain(field, task))
    except UnknownField as error:
        raise click.UsageError(str(error)) from None
