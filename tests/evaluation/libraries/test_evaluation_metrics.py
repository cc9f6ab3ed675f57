"""Each metric against values worked out by hand, or by its library's own front door."""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
import sklearn.metrics
from rouge_score.rouge_scorer import RougeScorer

from hf_recipes.data.measurable import tables
from hf_recipes.evaluation.answers import Answer, EvaluationFailed
from hf_recipes.evaluation.measured import Measured
from hf_recipes.evaluation.metrics import METRICS, Setting, measure_metric
from hf_recipes.recipe.fields import METRIC_OPTIONS
from hf_recipes.sql.process import Task, Worker
from hf_recipes.sql.reading import literals, orders

PAIRS = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("a cat sat on a mat today", "the cat sat on the mat"),
    ("dogs", "the birds are outside, far away"),
    ("", "nothing was said here"),
]


def recorded(pairs: Sequence[tuple[str, str]], **more: Any) -> list[Answer]:
    return [
        Answer(row, answer, reference, 1, 1, 0.1, "base:0", **more)
        for row, (answer, reference) in enumerate(pairs)
    ]


def measured(name: str, pairs: Sequence[tuple[str, str]], **options: Any) -> Measured:
    found = measure_metric(name, recorded(pairs), Setting(Path(), {}, options))
    assert found is not None
    return found


def values(name: str, *pairs: tuple[str, str], **options: Any) -> list[float]:
    return [pytest.approx(one) for one in measured(name, pairs, **options).values]


def test_every_metric_of_a_recipe_can_be_measured() -> None:
    assert list(METRICS) == list(METRIC_OPTIONS)


def test_normalised_match_sets_writing_aside_and_nothing_else() -> None:
    same = [("Card arrival.", "card_arrival"), ("  THE\n cat", "the cat!"), ("ﬁne", "fine"), ("?", "?")]
    assert values("normalised_match", *same) == [1, 1, 1, 1]
    other = [("-5", "5"), ("35", "3.5"), ("cats", "cat"), ("!", "?"), ("", "x")]
    assert values("normalised_match", *other) == [0] * 5


@pytest.mark.parametrize(
    ("answer", "reference", "tolerance", "right"),
    [
        ("So it is 1,234.50 dollars", "#### 1234.5", 0, 1),
        ("first 3, then 4", "4", 0, 1),
        ("4, no: 3", "4", 0, 0),
        ("it is −7", "-7", 0, 1),
        ("5-3", "3", 0, 1),
        ("1e3", "1000", 0, 1),
        ("41.9", "42", 0.1, 1),
        ("41.8", "42", 0.1, 0),
        ("none", "42", 10, 0),
        ("0.1", ".1", 0, 1),
    ],
)
def test_number_match_reads_the_last_number(
    answer: str, reference: str, tolerance: float, right: int
) -> None:
    assert values("number_match", (answer, reference), tolerance=tolerance) == [right]


def test_json_valid_means_the_whole_answer() -> None:
    right = ['{"a": 1}', " [1, 2]\n", "3"]
    wrong = ['```json\n{"a": 1}\n```', '{"a": 1} done', "{'a': 1}", '{"a": NaN}', "", "[" * 100_000]
    assert values("json_valid", *[(one, "{}") for one in right + wrong]) == [1] * 3 + [0] * 6


def test_json_fields_count_what_is_right() -> None:
    expected = {"qty": 2, "unit": "cup", "address": {"city": "Oslo", "zip": "0150"}}
    answer = {"qty": 2.0, "unit": "cups", "address": {"city": "Oslo"}, "extra": True}
    pair = (json.dumps(answer), json.dumps(expected))
    assert values("json_precision", pair) == [2 / 4]
    assert values("json_recall", pair) == [2 / 4]
    assert values("json_f1", pair) == [2 * 2 / 8]
    assert values("json_recall", pair, fields=["address", "qty"]) == [2 / 3]
    assert values("json_precision", pair, fields=["address", "qty"]) == [1]
    assert values(
        "json_f1", ('{"a": 1}', '{"a": true}'), ("no JSON", '{"a": 1}'), ("{}", "{}"), ("{}", '{"a": 1}')
    ) == [0, 0, 1, 0]
    assert values("json_f1", ('{"a": [1, {"b": 2.0}]}', '{"a": [1.0, {"b": 2}]}')) == [1]


def test_accuracy_and_macro_f1_are_scikit_learns() -> None:
    rng = random.Random(1)
    names = ["card_arrival", "lost_card", "top_up"]
    expected = [rng.choice(names) for _ in range(200)]
    given = [one if rng.random() < 0.7 else rng.choice([*names, "something else"]) for one in expected]
    pairs = list(zip(given, expected, strict=True))
    assert measured("accuracy", pairs).value == pytest.approx(sklearn.metrics.accuracy_score(expected, given))
    assert measured("macro_f1", pairs).value == pytest.approx(
        sklearn.metrics.f1_score(expected, given, labels=names, average="macro")
    )


def test_labels_are_read_as_people_write_them_unless_that_is_all_that_tells_them_apart() -> None:
    assert values("accuracy", ("Lost card.", "lost_card"), ("top up", "top_up")) == [1, 1]
    assert values("accuracy", ("+", "+"), ("-", "+"), ("+ ", "-"), ("-", "-")) == [1, 0, 0, 1]


def test_rouge_is_rouge_scores() -> None:
    for name in ("rouge1", "rouge2", "rougeL"):
        scorer = RougeScorer([name])
        expected = [scorer.score(reference, answer)[name].fmeasure for answer, reference in PAIRS]
        assert measured(name, PAIRS).values == [pytest.approx(one) for one in expected]
    # rouge-score itself would find nothing in common here, since it sees no letter.
    assert values("rouge1", ("привет мир", "привет всем"), ("çay", "cay")) == [0.5, 0]


def test_bleu_and_chrf_are_sacrebleus_over_the_corpus() -> None:
    answers, references = [a for a, _ in PAIRS], [r for _, r in PAIRS]
    assert measured("bleu", PAIRS).value == pytest.approx(
        sacrebleu.corpus_bleu(answers, [references]).score / 100
    )
    assert measured("chrf", PAIRS).value == pytest.approx(
        sacrebleu.corpus_chrf(answers, [references]).score / 100
    )
    assert measured("chrf", PAIRS).values == [
        pytest.approx(sacrebleu.sentence_chrf(answer, [reference]).score / 100) for answer, reference in PAIRS
    ]
    assert measured("bleu", PAIRS).values[0] == pytest.approx(1)


def test_likelihood_is_the_inverse_perplexity_over_all_tokens() -> None:
    one, two = (
        recorded([("a", "b")], reference_nll=2.0, reference_tokens=4),
        recorded([("a", "b")], reference_nll=1.0, reference_tokens=1),
    )
    found = measure_metric("likelihood", [*one, *two], Setting(Path()))
    assert found is not None
    assert found.values == [pytest.approx(math.exp(-0.5)), pytest.approx(math.exp(-1))]
    assert found.value == pytest.approx(math.exp(-3 / 5))
    assert measure_metric("likelihood", recorded([("a", "b")]), Setting(Path())) is None


@pytest.mark.parametrize(
    ("metric", "reference", "says"),
    [
        ("json_f1", "plain", "its expected answer is no JSON object"),
        ("number_match", "none", "its expected answer holds no number"),
        ("sql_execution", "SELECT 1", "no CREATE TABLE in its messages"),
        ("accuracy", " ", "the label, is empty"),
        ("bleurt", "x", "There is no metric 'bleurt'; known: exact_match, "),
    ],
)
def test_what_the_data_lacks_is_said_with_its_row(metric: str, reference: str, says: str) -> None:
    with pytest.raises(EvaluationFailed, match=says):
        measured(metric, [("{}", reference)])


SCHEMA = "CREATE TABLE head (age INTEGER, name VARCHAR(20), PRIMARY KEY (age)); CREATE TABLE city (name TEXT, size REAL)"


def sql(*pairs: tuple[str, str], schema: str = SCHEMA, **options: Any) -> list[float]:
    questions: Mapping[int, Any] = {
        row: [{"role": "system", "content": f"Schema: {schema}"}] for row in range(len(pairs))
    }
    found = measure_metric("sql_execution", recorded(pairs), Setting(Path(), questions, options))
    assert found is not None
    return list(found.values)


def test_sql_is_right_when_it_gives_the_same_rows() -> None:
    count = "SELECT COUNT(*) FROM head WHERE age > 56"
    assert sql(
        ("select count(age) from head where 56 < age;", count),
        ("SELECT COUNT(*) FROM head WHERE age >= 56", count),
        ("SELECT COUNT(*) FROM head", count),
        ("SELECT COUNT(* FROM head", count),
        ("Here it is: " + count, count),
        ("", count),
    ) == [1, 0, 0, 0, 0, 0]
    name = "SELECT name FROM city WHERE name = 'Oslo'"
    assert sql((name.replace("=", "LIKE"), name), (name.replace("Oslo", "Bergen"), name)) == [1, 0]
    ordered = "SELECT age FROM head ORDER BY age DESC"
    assert sql(
        (ordered.replace("DESC", ""), ordered), ("SELECT age FROM head", "SELECT age FROM head ORDER BY age")
    ) == [0, 1]
    assert sql((ordered, "SELECT age FROM head")) == [1]


def test_sql_that_the_expected_query_itself_is_not_counts_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "SELECT age FROM nowhere"
    good = "SELECT age FROM head"
    assert sql((bad + " ;", bad), (good, bad), (good, good)) == [1, 0, 1]
    assert (
        "2 of 3 expected queries do not run in SQLite (row 0: no such table: nowhere)"
        in capsys.readouterr().err
    )
    with pytest.raises(EvaluationFailed, match="no expected query runs in SQLite"):
        sql((good, bad))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    import sqlite3

    database = sqlite3.connect(tmp_path / "shop.db")
    database.executescript(
        "CREATE TABLE item (name TEXT, price REAL); INSERT INTO item VALUES ('pen', 1.5), ('cup', 4)"
    )
    database.close()
    return tmp_path / "shop.db"


def test_sql_runs_against_a_file_and_cannot_change_it(shop: Path, tmp_path: Path) -> None:
    before = shop.read_bytes()
    want = "SELECT name FROM item WHERE price < 2"
    hostile = [
        "DELETE FROM item",
        "DROP TABLE item",
        "UPDATE item SET price = 0 RETURNING name",
        f"ATTACH DATABASE '{tmp_path / 'other.db'}' AS other",
        "PRAGMA query_only = OFF",
        f"VACUUM INTO '{tmp_path / 'copy.db'}'",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM item",
    ]
    assert sql((want, want), *[(one, want) for one in hostile], database=str(shop)) == [1] + [0] * len(
        hostile
    )
    assert shop.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


def test_a_query_without_end_costs_its_time_and_no_more(shop: Path) -> None:
    want = "SELECT name FROM item"
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT x FROM n"
    huge = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 50) SELECT hex(zeroblob(100000000)) FROM n"
    begin = time.monotonic()
    assert sql(
        (endless, want), (many, want), (huge, want), (want, want), database=str(shop), timeout=0.5
    ) == [0, 0, 0, 1]
    assert time.monotonic() - begin < 20


def test_a_database_that_has_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationFailed, match=r"the database shop\.db is not there"):
        sql(("SELECT 1", "SELECT 1"), database=str(tmp_path / "shop.db"))


def test_a_wrong_condition_among_several_is_seen() -> None:
    schema = "CREATE TABLE t (a TEXT, b VARCHAR(9), c TEXT, d INTEGER, name TEXT)"
    want = "SELECT name FROM t WHERE a = 'x' AND b LIKE '%y%' AND c <> 'z' AND d = 1960"
    wrong = [("'x'", "'q'"), ("y", "q"), ("<>", "="), ("1960", "1970"), (" AND c <> 'z'", "")]
    given = [(want.replace("'x'", " 'x'"), want), *((want.replace(*one), want) for one in wrong)]
    assert sql(*given, schema=schema) == [1, 0, 0, 0, 0, 0]


def test_a_number_in_a_column_of_text_and_a_text_in_one_of_numbers_are_compared() -> None:
    schema = "CREATE TABLE t (year VARCHAR, size INTEGER, name TEXT)"
    year, size = "SELECT name FROM t WHERE year = 1960", 'SELECT name FROM t WHERE size = "1960"'
    assert sql((year, year), (year.replace("60", "70"), year), schema=schema) == [1, 0]
    assert sql((size, size), (size.replace("60", "70"), size), schema=schema) == [1, 0]


def test_a_whole_numbered_key_beside_a_price_is_filled() -> None:
    want = "SELECT name FROM item WHERE price > 2.5 AND id > 1.5"
    schema = "CREATE TABLE item (id INTEGER PRIMARY KEY, price REAL, name TEXT)"
    assert sql((want, want), (want.replace("2.5", "9.5"), want), schema=schema) == [1, 0]


def test_only_an_order_of_the_query_itself_is_held_against_the_answer() -> None:
    want = "SELECT name FROM city WHERE size IN (SELECT size FROM city GROUP BY size ORDER BY COUNT(*) DESC LIMIT 3)"
    assert sql((want + " ORDER BY name DESC", want)) == [1]
    outer = "SELECT name FROM (SELECT name FROM city WHERE name <> ')') ORDER BY name"
    assert sql((outer + " DESC", outer), (outer, outer)) == [0, 1]


def test_an_answer_that_asks_nothing_is_wrong_even_where_nothing_is_found(shop: Path) -> None:
    want = "SELECT name FROM item WHERE price > 99"
    assert sql((want, want), ("", want), ("-- none", want), ("REINDEX", want), database=str(shop)) == [
        1,
        0,
        0,
        0,
    ]


def test_whole_numbers_are_the_same_written_either_way(shop: Path) -> None:
    assert sql(
        ("SELECT COUNT(*) * 1.0 FROM item", "SELECT COUNT(*) FROM item"),
        ("SELECT COUNT(*) + 0.5 FROM item", "SELECT COUNT(*) FROM item"),
        database=str(shop),
    ) == [1, 0]


def test_a_query_that_takes_too_much_memory_is_wrong_and_the_others_are_still_measured(shop: Path) -> None:
    want = "SELECT name FROM item"
    assert sql(("SELECT hex(zeroblob(450000000))", want), (want, want), database=str(shop)) == [0, 1]


def test_what_a_query_sorts_is_not_written_to_the_disk(shop: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000) SELECT randomblob(1000) AS b FROM n ORDER BY b"
    with Worker() as worker:
        assert worker.run(Task([endless], database=str(shop), timeout=30))[0][0].rows is None
        assert worker._process is not None
        written = Path(f"/proc/{worker._process.pid}/io")
        if written.exists():  # Linux
            assert int(re.search(r"wchar: (\d+)", written.read_text())[1]) < 10_000


def test_one_long_function_ends_with_its_time_and_its_process(shop: Path) -> None:
    long = "SELECT instr(hex(zeroblob(3000000)), hex(zeroblob(1500000)) || '1')"
    want = "SELECT name FROM item"
    begin = time.monotonic()
    assert sql((long, want), (want, want), database=str(shop), timeout=1) == [0, 1]
    assert sql((long, "SELECT COUNT(*) FROM head"), ("SELECT 1", "SELECT 1"), timeout=1) == [0, 1]
    assert time.monotonic() - begin < 15
    with Worker() as worker:
        [[ran]] = worker.run(Task([long], database=str(shop), timeout=1))
        assert ran.error == "took more than 1 s"


def test_tables_whose_making_takes_too_long_cost_it_once() -> None:
    stuck = "CREATE TABLE n (a CHECK (instr(hex(zeroblob(3000000)), hex(zeroblob(1500000)) || a)))"
    begin = time.monotonic()
    with pytest.raises(EvaluationFailed, match="its tables: took more than"):
        sql(("SELECT 1", "SELECT 1"), schema=stuck, timeout=0.5)
    assert time.monotonic() - begin < 25


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + ")" * 100_000,
        "[" * 100_000,
        "'" * 100_001,
        "create table " * 10_000,
        "create table a (" * 10_000,
        "1" * 100_000 + ".5",
        "a = " * 50_000,
    ],
    ids=lambda text: text[:14],
)
def test_a_query_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    begin = time.monotonic()
    assert not orders(text)
    assert float("inf") not in literals(text)
    assert tables([{"role": "user", "content": text}]) == []
    assert time.monotonic() - begin < 5


def test_an_expected_query_that_is_nothing_but_parentheses_does_not_run() -> None:
    deep = "SELECT " + "(" * 100_000 + "1" + ")" * 100_000
    begin = time.monotonic()
    assert sql(("SELECT 1", deep), ("SELECT 1", "SELECT 1")) == [0, 1]
    assert time.monotonic() - begin < 10


def test_expected_queries_that_fail_or_give_nothing_are_counted() -> None:
    nothing = "SELECT name FROM city WHERE 1 = 2"
    questions = {row: [{"role": "user", "content": SCHEMA}] for row in range(5)}
    pairs = [
        ("SELECT age FROM head WHERE 1 > 2", nothing),
        ("SELECT name FROM city", nothing),
        ("SELECT MAX(age) FROM head WHERE 0", "SELECT SUM(age) FROM head WHERE 1 = 2"),
        ("SELECT 1", "SELECT age FROM nowhere"),
        ("SELECT 1", "SELECT 1"),
    ]
    found = measure_metric("sql_execution", recorded(pairs), Setting(Path(), questions, {}))
    assert found is not None and list(found.values) == [1, 0, 1, 0, 1]
    assert found.counts == {"failing": 1, "empty": 3, "right_on_empty": 2}


def test_large_whole_numbers_that_differ_in_the_last_digit_are_not_the_same() -> None:
    pairs = [("2000000001", "2,000,000,000"), ("12345678902", "12345678901"), ("0.30", ".3"), ("1e999", "42")]
    assert values("number_match", *pairs) == [0, 0, 1, 0]
    assert values("number_match", ("2000000001", "2000000000"), tolerance=1) == [1]


def test_numbers_are_as_exact_as_they_are_written() -> None:
    pairs = [
        ("4111111111111111112", "4111111111111111111"),
        ("1e400", "1e999"),
        ("1e400", "1.0e400"),
        ("0.1000000000000000000001", "0.1"),
        ("1,000.50", "1000.5"),
        ("1e" + "9" * 30, "1"),
    ]
    assert values("number_match", *pairs) == [0, 0, 1, 0, 1, 0]
    near = [("7", "1e999"), ("0.31", "0.3"), ("0.310000000001", "0.3"), ("1e999", "1e999"), ("-0.01", "0")]
    assert values("number_match", *near, tolerance=0.01) == [0, 1, 0, 1, 1]
    assert values("number_match", ("4111111111111111112", "4111111111111111110"), tolerance=1) == [0]


def test_numbers_in_json_are_as_exact_as_they_are_written() -> None:
    pairs = [
        ('{"a": 4111111111111111112.0}', '{"a": 4111111111111111111}'),
        ('{"a": 1e400}', '{"a": 1e999}'),
        ('{"a": 1e999}', '{"a": 10e998}'),
        ('{"a": [1.0, 100]}', '{"a": [1, 1e2]}'),
        ('{"a": true}', '{"a": 1}'),
        ('{"a": "1"}', '{"a": 1}'),
        ('{"a": -0.0}', '{"a": 0}'),
        ('{"a": 0.1000000000000000000001}', '{"a": 0.1}'),
    ]
    assert values("json_f1", *pairs) == [0, 0, 1, 1, 0, 0, 1, 0]
    assert values("json_valid", ("9" * 5000, "x"), ('{"a": NaN}', "x")) == [1, 0]


def test_no_answer_is_not_a_label_that_is_all_punctuation() -> None:
    assert values("accuracy", ("", "?"), ("!", "?"), ("?", "?"), ("yes", "yes")) == [0, 0, 1, 1]


def test_json_nested_too_deeply_to_be_compared_is_a_wrong_answer() -> None:
    deep = '{"a": ' + "[" * 700 + "]" * 700 + "}"
    assert values("json_f1", (deep, '{"a": 1}'), ('{"a": 1}', '{"a": 1}')) == [0, 1]


def test_a_table_that_is_never_made_costs_its_time_and_no_more() -> None:
    endless = "CREATE TABLE n AS SELECT (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n)"
    want = "SELECT name FROM city WHERE size > 3"
    begin = time.monotonic()
    assert sql((want, want), (want.replace("3", "9"), want), schema=f"{endless}; {SCHEMA}", timeout=0.3) == [
        1,
        0,
    ]
    assert time.monotonic() - begin < 10, "not so long that the process had to be killed"
