"""Makes data/train.jsonl and data/test.jsonl: lines of recipes, each with its JSON. Standard library only.

    python make_data.py            # writes data/ beside this file, the same bytes every time

What the test lines hold that training never showed:
- every ingredient: no test name ends in the last word of a training name, singular or plural;
- about half: a phrasing, the frame around quantity, unit and name (NEW_PHRASINGS);
- about half of the lines with a unit: a spelling of the unit, one that follows from the known ones (the second of each in UNITS).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

SEED = 20250
TRAIN_ROWS = 600
TEST_ROWS = 320

# Kind → names. A name that is counted carries its plural after a bar: "carrot|s", "radish|es".
TRAIN_NAMES = {
    "spice": "ground cumin, smoked paprika, sea salt, black pepper, ground cinnamon, turmeric, cayenne, dried oregano, "
    "nutmeg, baking powder, fennel seeds, chili flakes, instant yeast, curry leaves, cream of tartar, annatto, mace, "
    "juniper berries, asafoetida, dried fenugreek, lemongrass, vanilla beans, aleppo chili, matcha, "
    "galangal, celery salt, lemon zest, bouillon, gelatin, dried savory, onion granules, wasabi, citric acid",
    "grain": "all-purpose flour, brown sugar, rolled oats, basmati rice, red lentils, couscous, cornstarch, penne pasta, "
    "panko breadcrumbs, cocoa nibs, almond meal, dried split peas, amaranth, farro, spelt, rye berries, teff, sorghum, "
    "wheat germ, oat bran, grits, macaroni, spaghetti, fusilli, vermicelli, rigatoni, freekeh, kasha, mung dal, urad dal, "
    "chia, psyllium husk, arrowroot, custard mix, muesli, carob",
    "solid": "almonds, walnuts, raisins, dark chocolate, parmesan, cheddar, unsalted butter, cream cheese, frozen corn, "
    "baby spinach, ground beef, smoked ham, pork sausage, salmon fillets, raw shrimp, dried apricots, blueberries, "
    "graham crackers, wild arugula, firm tofu, red cabbage, peeled pumpkin, tempeh, seitan, paneer, halloumi, gouda, "
    "gorgonzola, mascarpone, cashews, pistachios, macadamias, peanuts, sultanas, dates, prunes, currants, blackberries, "
    "raspberries, gooseberries, cherries, grapes, rhubarb, papaya, guava, okra, fava beans, cauliflower, "
    "asparagus, celeriac, fennel, kohlrabi, bok choy, collard greens, swiss chard, radicchio, lettuce, snow peas, "
    "shiitake caps, venison, bison, lamb mince, turkey thighs, monkfish, halibut, cod, trout, scallops, mussels, clams, "
    "calamari, lobster tails, marshmallows, caramels, nougat, marzipan, toffee bits, pretzels, granola, croutons",
    "liquid": "olive oil, soy sauce, whole milk, vegetable stock, white vinegar, honey, lemon juice, cold water, red wine, "
    "heavy cream, greek yogurt, tomato ketchup, vanilla extract, dijon mustard, white miso, strong coffee, lager beer, "
    "sake, mirin, ponzu, kefir, cognac, dark rum, bourbon, vodka, grenadine, prosecco, port, vermouth, brewed tea, ghee, "
    "lard, agave nectar, treacle, pesto, harissa, hummus, salsa, gochujang, sambal, relish, horseradish, aioli, "
    "worcestershire, passata, gravy, apple jelly, fig jam, orange marmalade, lemon curd, rose cordial, lemonade",
    "count": "carrot|s, egg|s, red onion|s, plum tomato|es, potato|es, lemon|s, avocado|s, green apple|s, banana|s, "
    "chicken breast|s, eggplant|s, jalapeño|s, flour tortilla|s, cucumber|s, shallot|s, beet|s, lamb shank|s, peach|es, "
    "pear|s, turnip|s, mango|es, bell pepper|s, hamburger bun|s, pineapple|s, plantain|s, pomegranate|s, papaya|s, "
    "grapefruit|s, tangerine|s, clementine|s, apricot|s, quince|s, coconut|s, melon|s, zucchini|s, yam|s, swede|s, "
    "poblano|s, habanero|s, chayote|s, tomatillo|s, portobello|s, fennel bulb|s, bagel|s, croissant|s, waffle|s, "
    "pizza crust|s, wonton wrapper|s, naan|s, lobster|s, ham hock|s, turkey drumstick|s",
    "herb": "fresh basil, flat-leaf parsley, thyme, fresh mint, cilantro, rosemary, curly kale, scallions, fresh oregano, "
    "lovage, sorrel, borage, shiso, chamomile, mizuna, nettles, purslane, baby greens, lemon verbena, hyssop, dandelion",
    "tin": "chickpeas, black beans, coconut milk, pineapple, tuna, tomato soup, sardines, water chestnuts, mackerel, "
    "mandarin segments, pumpkin puree, capers, pimentos, herring, cola, peaches, baby corn, beetroot, refried beans, eels",
    "clove": "garlic, black garlic, smoked garlic",
    "slice": "bacon, sourdough bread, provolone, smoked turkey, pound cake, salami, mortadella, pastrami, gruyère, emmental, "
    "focaccia, ciabatta, baguette, bologna, corned beef, banana bread, gingerbread, panettone, liverwurst, jamón",
}
TEST_NAMES = {
    "spice": "ground ginger, baking soda, allspice, ground coriander, star anise, dried dill, saffron",
    "grain": "quinoa, barley, polenta, egg noodles, bulgur, semolina",
    "solid": "pine nuts, pecans, hazelnuts, dried cranberries, mozzarella, feta, ricotta, brown mushrooms, broccoli, "
    "brussels sprouts, dried figs, strawberries, crab meat, green olives",
    "liquid": "apple cider, chicken broth, buttermilk, tahini, dry sherry, mayonnaise, maple syrup",
    "count": "leek|s, radish|es, lime|s, orange|s, nectarine|s, acorn squash|es, duck leg|s, pork chop|s, artichoke|s, "
    "muffin|s, parsnip|s",
    "herb": "fresh sage, tarragon, lavender, chives, watercress",
    "tin": "anchovies, green olives, sauerkraut, bamboo shoots",
    "slice": "prosciutto, toast, veal, havarti",
}

KIND_UNITS = {
    "spice": "teaspoon, tablespoon, pinch, gram",
    "grain": "cup, gram, ounce, pound, tablespoon, kilogram",
    "solid": "cup, gram, ounce, pound, kilogram",
    "liquid": "cup, milliliter, tablespoon, teaspoon, liter",
    "count": "",
    "herb": "bunch, tablespoon, cup",
    "tin": "can, ounce, gram",
    "clove": "clove",
    "slice": "slice",
}
# Unit → how it is spelled: for one | for any number | for several. First what training and test both draw on, then what
# is only in test: a capital, a period, a plural or a British spelling, of a kind that training shows with other units.
UNITS = {
    "teaspoon": ("teaspoon | tsp, tsp., Tsp | teaspoons, tsps", "Teaspoon | Tsp. | Tsps, Teaspoons"),
    "tablespoon": ("tablespoon | tbsp, Tbsp. | tablespoons", "Tablespoon | tbsp., Tbsp | tbsps, Tablespoons"),
    "cup": ("cup | | cups", "Cup | | Cups"),
    "gram": ("gram | g | grams, Grams", "Gram | g. | grammes"),
    "kilogram": ("kilogram | kg, Kg. | kilograms, kilos", "Kilogram | kg., Kg | kgs, Kilos"),
    "milliliter": ("milliliter | ml, ml. | milliliters", "millilitre | mL | mls, millilitres"),
    "liter": ("liter, litre | l, L | liters, litres", "Liter, Litre | l. | Liters, Litres"),
    "ounce": ("ounce | oz, oz., Oz | ounces", "Ounce | Oz. | Ounces"),
    "pound": ("pound | lb, lb., Lb. | pounds, lbs", "Pound | Lb | lbs., Pounds"),
    "pinch": ("pinch | | pinches", "Pinch | | Pinches"),
    "bunch": ("bunch | | bunches", "Bunch | | Bunches"),
    "can": ("can | | cans", "Can | | Cans"),
    "clove": ("clove | | cloves", "Clove | | Cloves"),
    "slice": ("slice | | slices", "Slice | | Slices"),
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
WHOLE = ("", "pinch", "bunch", "can", "clove", "slice")
OFTEN = ("", "", "")

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
    """A name and its plural's ending: sometimes an invented variety of it, or an invented thing."""
    chance = rng.random()
    word = "".join(pick(rng, SYLLABLES.split()) for _ in range(pick(rng, (2, 2, 3))))
    if chance < 0.15:
        return f"{word} {singular}", ending
    return (word, "s" if ending else "") if chance < 0.3 else (singular, ending)


def row(rng: random.Random, test: bool) -> dict[str, str]:
    """One line and its JSON, and the phrasing and spelling they were made with.

    `test` draws test ingredients, and in half of the cases a phrasing or a spelling that is only in test.
    """
    names = TEST_NAMES if test else TRAIN_NAMES
    unit = pick(rng, OFTEN + tuple(UNITS))
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
    new_spelling = test and rng.random() < 0.5
    spelling = spell(rng, UNITS[unit][new_spelling], several) if unit else ""
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
