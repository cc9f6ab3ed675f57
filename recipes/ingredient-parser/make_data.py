"""Makes data/train.jsonl and data/test.jsonl: lines of recipes, each with its JSON. Standard library only.

    python make_data.py            # writes data/ beside this file, the same bytes every time

What the test lines hold that training never showed:
- every ingredient: no test name ends in the last word of a training name, singular or plural;
- about half: a phrasing, the frame around quantity, unit and name (NEW_PHRASINGS);
- more than half of the lines with a unit: a spelling of the unit, one that follows from the known ones (the second of each in UNITS).
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

SEED = 20250
TRAIN_ROWS = 640
TEST_ROWS = 320

# Kind → names. A name that is counted carries its plural after a bar: "carrot|s", "radish|es".
TRAIN_NAMES = {
    "spice": "ground cumin, ground turmeric, ground mace, ground annatto, ground nutmeg, smoked paprika, sea salt, black pepper, "
    "ground cinnamon, cayenne, dried oregano, baking powder, fennel seeds, chili flakes, instant yeast, curry leaves, "
    "cream of tartar, juniper berries, asafoetida, dried fenugreek, lemongrass, vanilla beans, aleppo chili, matcha, "
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
    "asparagus, fennel, kohlrabi, bok choy, collard greens, swiss chard, radicchio, lettuce, snow peas, "
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
    "spice": "ground cardamom, ground sumac, celery seasoning, white sesame, spice rub, rose petals, ground ginger, "
    "baking soda, allspice, ground coriander, star anise, dried dill, saffron",
    "grain": "breakfast cereal, pasta shells, wheat, corn kernels, rice wafers, quinoa, barley, polenta, egg noodles, bulgur, "
    "semolina",
    "solid": "fruit salad, potato chips, ice cubes, chicken nuggets, fish sticks, duck fat, lamb chops, orange peel, "
    "pork belly, beef brisket, popcorn, hard candy, sunflower kernels, apple rings, pine nuts, pecans, hazelnuts, "
    "dried cranberries, mozzarella, feta, ricotta, brown mushrooms, broccoli, brussels sprouts, dried figs, "
    "strawberries, crab meat, green olives",
    "liquid": "fruit punch, bean paste, tomato pulp, salad dressing, ginger ale, coffee liqueur, chocolate spread, "
    "cooking spray, apple cider, chicken broth, buttermilk, tahini, dry sherry, mayonnaise, maple syrup, "
    "oyster stew",
    "count": "corn cob|s, bread roll|s, chicken wing|s, beef rib|s, passion fruit|s, lemon wedge|s, egg yolk|s, cookie|s, "
    "celery stick|s, turkey burger|s, steak|s, fish cutlet|s, leek|s, radish|es, lime|s, orange|s, nectarine|s, "
    "acorn squash|es, duck leg|s, pork chop|s, artichoke|s, muffin|s, parsnip|s",
    "herb": "bean sprouts, garden cress, lemon balm, white clover, fresh sage, tarragon, lavender, chives, watercress",
    "tin": "palm hearts, tomato paste, fruit cocktail, beef stew, crab legs, anchovies, sauerkraut, bamboo shoots",
    "slice": "apple pie, lemon tart, fruit loaf, white pizza, beef tongue, watermelon, prosciutto, toast, veal, havarti",
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
    "tablespoon": (
        "tablespoon | tbsp, Tbsp. | tablespoons, tbsps",
        "Tablespoon | tbsp., Tbsp | Tbsps, Tablespoons",
    ),
    "cup": ("cup | | cups", "Cup | | Cups"),
    "gram": ("gram | g | grams, grammes", "Gram | g. | Grams"),
    "kilogram": ("kilogram | kg, Kg. | kilograms, kilos", "Kilogram | kg., Kg | kgs, Kilos"),
    "milliliter": ("milliliter | ml, ml. | milliliters", "millilitre | mL | millilitres"),
    "liter": ("liter, litre | l, L | liters, litres", "Liter, Litre | l. | Liters, Litres"),
    "ounce": ("ounce | oz, oz., Oz | ounces", "Ounce | Oz. | Ounces"),
    "pound": ("pound | lb, lb., Lb | pounds, lbs", "Pound | Lb. | lbs., Pounds"),
    "pinch": ("pinch | | pinches, Pinches", "Pinch | | "),
    "bunch": ("bunch, Bunch | | bunches", " | | Bunches"),
    "can": ("can | | cans, Cans", "Can | | "),
    "clove": ("clove, Clove | | cloves, Cloves", " | | "),
    "slice": ("slice, Slice | | slices", " | | Slices"),
}

# {q} quantity, {u} unit, {n} name; {p} preparation, {s} size, {k} note, {w} weight of a can.
PHRASINGS = {
    "measured": (
        "{q} {u} {n}",
        "{q} {u} of {n}",
        "{q} {u} {n}, {p}",
        "about {q} {u} {n}",
        "about {q} {u} of {n}, {p}",
        "{q} {u} {n} ({k})",
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
        "{q} {n} ({k})",
        "{n}: {q}",
    ),
    "canned": ("{q} ({w}) {u} {n}", "{q} {u} ({w}) {n}, {p}"),
    "free": ("{n}, to taste", "{n} for serving", "{n} ({k})", "some {n}, {p}", "{n}, as needed"),
}
NEW_PHRASINGS = {
    "measured": (
        "approximately {q} {u} {n}",
        "{q} {u} of {n}, {k}",
        "{q} {u} {n}, {k}",
        "{n} - {q} {u}",
        "{n} ({k}): {q} {u}",
        "* {q} {u} {n}",
        "roughly {q} {u} of {n} ({k})",
        "{q} {u} {n} ({p})",
    ),
    "counted": (
        "approximately {q} {n}",
        "* {q} {s} {n}",
        "{q} {s} {n}, {k}",
        "{q} {s} {n} ({k})",
    ),
    "canned": ("about {q} ({w}) {u} {n}", "{q} ({w}) {u} of {n}, {k}"),
    "free": ("{n}, as much as needed", "* {n}, to taste", "some {n} ({k})"),
}

# What was done to it: said after the name.
DRY = "divided, toasted, sifted, rinsed, plus more for dusting, rinsed and drained"
WET = "divided, at room temperature, warmed, chilled, plus more for serving, well shaken"
SOLID = "chopped, thinly sliced, grated, minced, at room temperature, divided, peeled and diced, finely grated, cut into chunks"
PREPARATIONS = {"spice": DRY, "grain": DRY, "liquid": WET}
NOTES = ("optional", "see note", "the good kind", "organic if possible", "for the sauce", "or more to taste")
SIZES = ("large", "medium", "small", "big", "ripe")
WEIGHTS = ("14 oz", "400 g", "15-ounce", "28 oz", "8 oz.", "540 ml")

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FRACTIONS = ("1/2", "1/4", "3/4", "1/3", "2/3")
SIGNS = {"½": "1/2", "¼": "1/4", "¾": "3/4"}
LARGE = ("kilogram", "liter", "pound")
WHOLE = ("", "pinch", "bunch", "can", "clove", "slice")
# How a quantity is written, as running shares: 3, three, 3-4, 1/2, ½, 2 1/2, 2½; the rest is "half a". Training sees more of
# the signs, which are hard to tell apart.
TRAIN_FORMS = (0.30, 0.40, 0.52, 0.58, 0.71, 0.76, 0.95)
TEST_FORMS = (0.35, 0.45, 0.57, 0.66, 0.74, 0.84, 0.94)
# What recipes measure in most of the time; every other unit counts once. Training has twice the lines without a unit: that
# nothing is to be filled in is hard.
OFTEN = ("",) * 4 + ("cup", "teaspoon", "tablespoon") * 3 + ("pound", "ounce", "gram", "slice", "bunch")

# Training puts a word before many names ("harvest tempeh", "Tuscan pears"): so many, each so seldom, that copying what the line
# says is all that can be learned.
VARIETIES = (
    "Tuscan, Alaskan, Greek, Welsh, Bombay, Lisbon, Oaxaca, Vermont, Nordic, Persian, Andean, Kyoto, Sicilian, Danish, Texas, "
    "Dutch, Cuban, Irish, Polish, Korean, Thai, Cornish, Berlin, Boston, Alpine, Baltic, Catalan, Dakota, Florida, Havana, Idaho, "
    "wild, young, sweet, bitter, tender, royal, rustic, humble, lucky, noble, silver, golden, purple, amber, scarlet, ivory, "
    "mountain, river, island, forest, prairie, desert, valley, meadow, canyon, harbor, lagoon, summit, orchard, village, "
    "winter, autumn, spring, summer, harvest, midnight, morning, sunset, twilight, moon, comet, thunder, snow, rain, breeze, "
    "falcon, tiger, beaver, rabbit, dragon, dolphin, sparrow, badger, turtle, buffalo, lion, panda, wolf, owl, heron, pigeon, "
    "organic, heirloom, artisan, classic, premium, local, imported, homemade, instant, genuine, natural, modern, ancient, "
    "velvet, marble, copper, crystal, cedar, willow, birch, jasmine, hibiscus, violet, cotton, diamond, ebony, flint, "
    "grandma's, baker's, farmer's, captain's, miner's, sailor's, duke's, queen's, extra fine, low-fat, no-salt, gluten-free, "
    "quick, crunchy, silky, smoky, tangy, zesty, spicy, mild, hot, cool, creamy, plump, brisk, crimson, daily, eager, fluffy, "
    "market, kitchen, pantry, picnic, campfire, cottage, castle, chapel, temple, bridge, tower, tavern, station, corner, cellar, "
    "apron, basket, bottle, candle, carpet, feather, hammer, ladder, mirror, needle, pocket, ribbon, saddle, "
    "double, triple, single, special, standard, regular, original, perfect, famous, favorite, simple, festive, holiday, Sunday, "
    "Friday, April, October, pilgrim, pirate, monk, knight, wizard, giant, dwarf, angel, devil, doctor, hunter, shepherd, tailor, "
    "aunt, uncle, cousin, neighbor, mermaid, phoenix, unicorn, otter, moose, camel, donkey, goose, ladybug, magpie, raven"
)

Item = TypeVar("Item")


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    # random() alone is promised to give the same numbers in every Python version.
    return items[int(rng.random() * len(items))]


def quantity(rng: random.Random, unit: str, test: bool) -> tuple[str, str, bool]:
    """As it is written, as the JSON has it, and whether it is more than one."""
    if unit in ("gram", "milliliter"):
        number = str(pick(rng, range(1, 31)) * 25)
        return number, number, True
    whole = pick(rng, range(1, 4 if unit in LARGE else 11))
    digits, word, span, fractional, signed, mixed, mixed_sign = TEST_FORMS if test else TRAIN_FORMS
    chance = rng.random()
    if chance < digits:
        return str(whole), str(whole), whole > 1
    if chance < word:
        return WORDS[whole - 1], str(whole), whole > 1
    if chance < span:
        form = pick(rng, ("{}-{}", "{} to {}", "{} or {}"))
        return form.format(whole, whole + 1), f"{whole}-{whole + 1}", True
    if unit in WHOLE:
        return ("a", "1", False) if chance < 0.82 else (str(whole), str(whole), whole > 1)
    fraction, sign = pick(rng, FRACTIONS), pick(rng, tuple(SIGNS))
    whole = pick(rng, (1, 2, 3, 4))
    if chance < fractional:
        return fraction, fraction, False
    if chance < signed:
        return sign, SIGNS[sign], False
    if chance < mixed:
        return f"{whole} {fraction}", f"{whole} {fraction}", True
    if chance < mixed_sign:
        return f"{whole}{sign}", f"{whole} {SIGNS[sign]}", True
    return "half a", "1/2", False


def spell(rng: random.Random, unit: str, several: bool, new: bool) -> str:
    """In a way that is only in test where `new`, and there is one."""
    for spellings in (UNITS[unit][new], UNITS[unit][0]):
        one, any_number, more = (
            [spelling.strip() for spelling in part.split(",") if spelling.strip()]
            for part in spellings.split("|")
        )
        if choices := any_number + (more if several else one):
            break
    return pick(rng, choices)


def varied(rng: random.Random, singular: str) -> str:
    words = VARIETIES.split(", ")
    chance = rng.random()
    if chance < 0.06:
        return f"{pick(rng, words)} {pick(rng, words)} {singular}"
    return f"{pick(rng, words)} {singular}" if chance < 0.42 else singular


def row(rng: random.Random, test: bool) -> dict[str, str]:
    """One line and its JSON, and the phrasing and spelling they were made with.

    `test` draws test ingredients, and in half of the cases a phrasing or a spelling that is only in test.
    """
    names = TEST_NAMES if test else TRAIN_NAMES
    unit = pick(rng, OFTEN + tuple(UNITS) + (() if test else ("",) * 4))
    kinds = [kind for kind in names if unit in KIND_UNITS[kind].split(", ")]
    if not kinds:  # nothing but garlic comes in cloves, and training has it
        return row(rng, test)
    kind, name = pick(rng, [(kind, name) for kind in kinds for name in names[kind].split(", ")])
    singular, _, ending = name.partition("|")
    if not test:
        singular = varied(rng, singular)
    written, qty, several = quantity(rng, unit, test)
    frame = "measured" if unit else "counted"
    if unit == "can" and rng.random() < 0.5:
        frame = "canned"
    elif kind in ("spice", "herb", "liquid", "solid") and rng.random() < (0.18 if test else 0.3):
        frame, qty, unit = "free", "", ""
    phrasing = pick(rng, (NEW_PHRASINGS if test and rng.random() < 0.5 else PHRASINGS)[frame])
    name = singular + (ending if several else "")
    new_spelling = test and rng.random() < 0.6
    spelling = spell(rng, unit, several, new_spelling) if unit else ""
    if written == "a" and (spelling[:1].isupper() or not phrasing.startswith("{q}")):
        written = "one"  # nobody writes "about a leek" or "a Bunch"
    preparations = PREPARATIONS.get(kind, SOLID).split(", ")
    line = phrasing.format(
        q=written,
        u=spelling,
        n=name,
        p=pick(rng, preparations),
        s=pick(rng, SIZES),
        k=pick(rng, NOTES),
        w=pick(rng, WEIGHTS),
    )
    line = re.sub(r"\ba (?=[aeiouAEIOU])", "an ", line)
    answer = json.dumps({"qty": qty, "unit": unit, "name": name}, ensure_ascii=False)
    return {"line": line, "json": answer, "phrasing": phrasing, "spelling": spelling}


def splits() -> dict[str, list[dict[str, str]]]:
    """Split → rows, no line twice."""
    made: dict[str, list[dict[str, str]]] = {}
    for split, count, seed in (("train", TRAIN_ROWS, SEED), ("test", TEST_ROWS, SEED + 2)):
        rng = random.Random(seed)
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
