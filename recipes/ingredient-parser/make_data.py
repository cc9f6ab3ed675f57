"""Makes data/train.jsonl and data/test.jsonl: lines of recipes, each with its JSON. Standard library only.

    python make_data.py            # writes data/ beside this file, the same bytes every time

What the test lines hold that training never showed:
- every ingredient: no test name ends in the last word of a training name, singular or plural;
- about half: a phrasing, the frame around quantity, unit and name (NEW_PHRASINGS);
- about half of the lines with a unit: a spelling of the unit, one that follows from the known ones (NEW_SPELLINGS).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

SEED = 20250
TRAIN_ROWS = 800
TEST_ROWS = 320

# Kind → names. A name that is counted carries its plural after a bar: "carrot|s", "radish|es".
TRAIN_NAMES = {
    "spice": "ground cumin, smoked paprika, sea salt, black pepper, ground cinnamon, turmeric, cayenne, dried oregano, "
    "nutmeg, baking powder, fennel seeds, chili flakes, instant yeast, curry leaves",
    "grain": "all-purpose flour, brown sugar, rolled oats, basmati rice, red lentils, couscous, cornstarch, penne pasta, "
    "panko breadcrumbs, cocoa nibs, almond meal, dried split peas",
    "solid": "almonds, walnuts, raisins, dark chocolate, parmesan, cheddar, unsalted butter, cream cheese, frozen corn, "
    "baby spinach, ground beef, smoked ham, pork sausage, salmon fillets, raw shrimp, dried apricots, blueberries, "
    "graham crackers, wild arugula, firm tofu, red cabbage, peeled pumpkin",
    "liquid": "olive oil, soy sauce, whole milk, vegetable stock, white vinegar, honey, lemon juice, cold water, red wine, "
    "heavy cream, greek yogurt, tomato ketchup, vanilla extract, dijon mustard, white miso, strong coffee, lager beer",
    "count": "carrot|s, egg|s, red onion|s, plum tomato|es, potato|es, lemon|s, avocado|s, green apple|s, banana|s, "
    "chicken breast|s, eggplant|s, jalapeño|s, flour tortilla|s, english cucumber|s, shallot|s, beet|s, lamb shank|s, "
    "peach|es, pear|s, turnip|s, mango|es, bell pepper|s, hamburger bun|s",
    "herb": "fresh basil, flat-leaf parsley, thyme, fresh mint, cilantro, rosemary, curly kale, scallions",
    "tin": "chickpeas, black beans, coconut milk, pineapple, tuna, tomato soup, sardines, water chestnuts",
    "clove": "garlic, black garlic",
    "slice": "bacon, sourdough bread, provolone, smoked turkey, pound cake",
    "stick": "butter, salted butter, celery",
}
TEST_NAMES = {
    "spice": "ground cardamom, allspice, sumac, saffron, baking soda, ground coriander, marjoram, star anise, ground ginger, "
    "garam masala, caraway, dried dill, white peppercorns",
    "grain": "quinoa, bulgur, pearl barley, polenta, semolina, egg noodles, puffed millet, flaxseed, tapioca, orzo",
    "solid": "pine nuts, pecans, hazelnuts, dried cranberries, mozzarella, feta, ricotta, cremini mushrooms, ground veal, "
    "broccoli florets, brussels sprouts, frozen edamame, dried figs, strawberries, chorizo, savoy endive, crab meat",
    "liquid": "maple syrup, buttermilk, tahini, dry sherry, molasses, crème fraîche, marinara, chicken broth, apple cider, "
    "coconut aminos, mayonnaise, orange liqueur, sriracha",
    "count": "leek|s, sweet parsnip|s, radish|es, lime|s, kiwi|s, navel orange|s, nectarine|s, acorn squash|es, duck leg|s, "
    "pork chop|s, artichoke|s, pita pocket|s, bran muffin|s, rutabaga|s, persimmon|s, quail|s",
    "herb": "fresh sage, tarragon, lavender, chives, chervil, watercress",
    "tin": "anchovies, green olives, hominy, jackfruit, sauerkraut, lychees, bamboo shoots",
    "slice": "prosciutto, pancetta, brioche, rye toast, havarti",
    "stick": "margarine, shortening, licorice",
}

KIND_UNITS = {
    "spice": "teaspoon, tablespoon, pinch, gram",
    "grain": "cup, gram, ounce, pound, tablespoon, kilogram, package",
    "solid": "cup, gram, ounce, pound, kilogram, package, handful",
    "liquid": "cup, milliliter, tablespoon, teaspoon, liter",
    "count": "",
    "herb": "bunch, sprig, handful, tablespoon",
    "tin": "can, ounce, gram",
    "clove": "clove",
    "slice": "slice",
    "stick": "stick",
}
# Unit → spellings, those for one | for any number | for several. Training and test both draw on these.
SPELLINGS = {
    "teaspoon": "teaspoon | tsp, tsp., Tsp | teaspoons",
    "tablespoon": "tablespoon | tbsp, Tbsp. | tablespoons, tbsps",
    "cup": "cup | | cups, Cups",
    "gram": "gram | g | grams, Grams",
    "kilogram": "kilogram | kg, Kg. | kilograms, kilos",
    "milliliter": "milliliter | ml, ml. | milliliters",
    "liter": "liter, litre | l, L | liters, litres",
    "ounce": "ounce | oz, oz., Oz | ounces",
    "pound": "pound | lb, lb., Lb. | pounds, lbs",
    "package": "package | pkg. | packages",
    "pinch": "pinch | | pinches",
    "bunch": "bunch, Bunch | | bunches, BUNCHES",
    "sprig": "sprig | | sprigs, Sprigs",
    "handful": "handful | | handfuls",
    "can": "can, Can | | cans",
    "clove": "clove | | cloves",
    "slice": "slice | | slices, Slices",
    "stick": "stick | | sticks",
}
# Only in test: a capital, a period, a plural or a British spelling, of a kind that training showed with other units.
NEW_SPELLINGS = {
    "teaspoon": "Teaspoon | Tsp. | tsps, Teaspoons",
    "tablespoon": "Tablespoon | tbsp., Tbsp | Tbsps, Tablespoons",
    "cup": "Cup | | CUPS",
    "gram": "Gram | g. | grammes",
    "kilogram": "Kilogram | kg., Kg | kgs, Kilos",
    "milliliter": "millilitre | mL | mls, millilitres",
    "liter": "Liter, Litre | l. | Liters, Litres",
    "ounce": "Ounce | Oz. | Ounces",
    "pound": "Pound | Lb | lbs., Pounds",
    "package": "Package | pkg, Pkg. | pkgs, Packages",
    "pinch": "Pinch | | Pinches",
    "bunch": "BUNCH | | Bunches",
    "sprig": "Sprig | | SPRIGS",
    "handful": "Handful | | Handfuls",
    "can": "CAN | | Cans",
    "clove": "Clove | | Cloves",
    "slice": "Slice | | SLICES",
    "stick": "Stick | | Sticks",
}

# {q} quantity, {u} unit, {n} name; {p} preparation, {b} preparation that stands before, {s} size, {k} note, {w} weight of a can.
PHRASINGS = {
    "measured": (
        "{q} {u} {n}",
        "{q} {u} of {n}",
        "{q} {u} {n}, {p}",
        "about {q} {u} {n}",
        "about {q} {u} of {n}, {p}",
        "{q} {u} {b} {n}",
        "{q} {u} {n} ({k})",
        "{q} {u} {b} {n} ({k})",
        "roughly {q} {u} {n}, {p}",
        "{n}: {q} {u}",
        "{n}, {q} {u}",
        "around {q} {u} of {n} ({k})",
    ),
    "counted": (
        "{q} {n}",
        "{q} {s} {n}",
        "{q} {n}, {p}",
        "{q} {s} {n}, {p}",
        "about {q} {s} {n}",
        "{q} {b} {n}",
        "{q} {n} ({k})",
        "{n}: {q}",
    ),
    "canned": ("{q} ({w}) {u} {n}", "{q} {u} ({w}) {n}, {p}"),
    "free": ("{n}, to taste", "{n} for serving", "{n} ({k})", "some {n}, {p}", "{b} {n}, as needed"),
}
NEW_PHRASINGS = {
    "measured": (
        "approximately {q} {u} {n}",
        "{q} {u} of {b} {n}",
        "{q} {u} {b} {n}, {k}",
        "{n} - {q} {u}",
        "{n}, {b}: {q} {u}",
        "* {q} {u} {n}",
        "roughly {q} {u} of {n} ({k})",
        "{q} {u} {n} ({p})",
    ),
    "counted": (
        "approximately {q} {n}",
        "* {q} {s} {n}",
        "{q} {s} {b} {n}",
        "{q} {s} {n} ({k})",
        "{n} - {q}",
    ),
    "canned": ("about {q} ({w}) {u} {n}", "{q} ({w}) {u} of {n}, {k}"),
    "free": ("{n} as needed", "* {n}, to taste", "some {n} ({k})"),
}

# What was done to it: said before the name | after it.
DRY = "toasted, sifted, lightly toasted, rinsed | divided, toasted, plus more for dusting, rinsed and drained"
WET = "chilled, warmed, strained | divided, at room temperature, warmed, plus more for serving, well shaken"
SOLID = (
    "chopped, finely chopped, sliced, thinly sliced, grated, diced, minced, coarsely chopped | "
    "chopped, thinly sliced, at room temperature, divided, peeled and diced, finely grated, cut into chunks"
)
PREPARATIONS = {"spice": DRY, "grain": DRY, "liquid": WET}
NOTES = ("optional", "see note", "the good kind", "organic if possible", "for the sauce", "or more to taste")
SIZES = ("large", "medium", "small", "big", "ripe")
WEIGHTS = ("14 oz", "400 g", "15-ounce", "28 oz", "8 oz.", "540 ml")

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
FRACTIONS = ("1/2", "1/4", "3/4", "1/3", "2/3")
SIGNS = {"½": "1/2", "¼": "1/4", "¾": "3/4"}
LARGE = ("kilogram", "liter", "pound")
WHOLE = ("", "pinch", "bunch", "sprig", "can", "clove", "slice", "package", "handful")
OFTEN = ("", "", "", "teaspoon", "tablespoon", "cup", "gram")

# Training makes up names too ("morvela", "tarsi carrots"): nobody can know them, so they teach to copy the name from the line.
SYLLABLES = (
    "ba be bo da do fe ka ke la le lo ma me mi mo na no pa pe ra re ri ro sa si so ta te to va ve vi vo za zu bel cor dan "
    "fen hal jun kor lin mar nel per quin ros sal tar ul ver wen yor sha tri pla bru cre sto"
)

Item = TypeVar("Item")


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    # random() alone is promised to give the same numbers in every Python version.
    return items[int(rng.random() * len(items))]


def quantity(rng: random.Random, unit: str) -> tuple[str, str, bool]:
    """As it is written, as the JSON has it, and whether it is more than one."""
    if unit in ("gram", "milliliter"):
        number = str(pick(rng, range(1, 31)) * 25)
        return number, number, True
    whole = pick(rng, range(1, 4 if unit in LARGE else 13))
    chance = rng.random()
    if chance < 0.35:
        return str(whole), str(whole), whole > 1
    if chance < 0.45:
        return WORDS[whole - 1], str(whole), whole > 1
    if chance < 0.57:
        form = pick(rng, ("{}-{}", "{} to {}", "{} or {}"))
        return form.format(whole, whole + 1), f"{whole}-{whole + 1}", True
    if unit in WHOLE:
        return ("a", "1", False) if chance < 0.75 else (str(whole), str(whole), whole > 1)
    fraction, sign = pick(rng, FRACTIONS), pick(rng, tuple(SIGNS))
    if chance < 0.67:
        return fraction, fraction, False
    if chance < 0.77:
        return sign, SIGNS[sign], False
    if chance < 0.85:
        return f"{whole} {fraction}", f"{whole} {fraction}", True
    if chance < 0.93:
        return f"{whole}{sign}", f"{whole} {SIGNS[sign]}", True
    return ("half a", "1/2", False) if chance < 0.98 else (f"{whole}.5", f"{whole}.5", True)


def spell(rng: random.Random, spellings: str, several: bool) -> str:
    one, any_number, more = (
        [s.strip() for s in part.split(",") if s.strip()] for part in spellings.split("|")
    )
    return pick(rng, any_number + (more if several else one))


def made_up(rng: random.Random, singular: str, ending: str) -> tuple[str, str]:
    """A name and its plural's ending: in half of the cases an invented variety of it, or an invented thing."""
    chance = rng.random()
    word = "".join(pick(rng, SYLLABLES.split()) for _ in range(pick(rng, (2, 2, 3))))
    if chance < 0.25:
        return f"{word} {singular}", ending
    return (word, "s" if ending else "") if chance < 0.5 else (singular, ending)


def row(rng: random.Random, test: bool) -> dict[str, str]:
    """One line and its JSON, and the phrasing and spelling they were made with.

    `test` draws test ingredients, and in half of the cases a phrasing or a spelling that is only in test.
    """
    names = TEST_NAMES if test else TRAIN_NAMES
    unit = pick(rng, OFTEN + tuple(SPELLINGS))
    kinds = [kind for kind in names if unit in KIND_UNITS[kind].split(", ")]
    if not kinds:  # nothing but garlic comes in cloves, and training has it
        return row(rng, test)
    kind = pick(rng, kinds)
    singular, _, ending = pick(rng, names[kind].split(", ")).partition("|")
    if not test:
        singular, ending = made_up(rng, singular, ending)
    written, qty, several = quantity(rng, unit)
    frame = "measured" if unit else "counted"
    if unit == "can" and rng.random() < 0.5:
        frame = "canned"
    elif kind in ("spice", "herb", "liquid", "solid") and rng.random() < 0.18:
        frame, qty, unit = "free", "", ""
    phrasing = pick(rng, (NEW_PHRASINGS if test and rng.random() < 0.5 else PHRASINGS)[frame])
    if phrasing.startswith(("about", "around", "roughly", "approximately")) and written == "a":
        written = "one"
    name = singular + (ending if several else "")
    spellings = NEW_SPELLINGS if test and rng.random() < 0.5 else SPELLINGS
    spelling = spell(rng, spellings[unit], several) if unit else ""
    before, after = (part.split(", ") for part in PREPARATIONS.get(kind, SOLID).split(" | "))
    line = phrasing.format(
        q=written,
        u=spelling,
        n=name,
        p=pick(rng, after),
        b=pick(rng, before),
        s=pick(rng, SIZES),
        k=pick(rng, NOTES),
        w=pick(rng, WEIGHTS),
    )
    if line.startswith("a ") and line[2] in "aeiou":
        line = "an " + line[2:]
    answer = json.dumps({"qty": qty, "unit": unit, "name": name}, ensure_ascii=False)
    return {"line": line, "json": answer, "phrasing": phrasing, "spelling": spelling}


def splits() -> dict[str, list[dict[str, str]]]:
    """Split → rows, no line twice."""
    rng = random.Random(SEED)
    made: dict[str, list[dict[str, str]]] = {}
    for split, count in (("train", TRAIN_ROWS), ("test", TEST_ROWS)):
        found: dict[str, dict[str, str]] = {}
        while len(found) < count:
            one = row(rng, test=split == "test")
            found.setdefault(one["line"], one)
        made[split] = list(found.values())
    return made


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits().items():
        lines = [
            json.dumps({"line": one["line"], "json": one["json"]}, ensure_ascii=False) + "\n" for one in rows
        ]
        (folder / f"{split}.jsonl").write_bytes("".join(lines).encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write data/train.jsonl and data/test.jsonl.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    write(parser.parse_args().out)
