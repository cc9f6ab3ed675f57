"""Code that loads a pushed model and asks it something; it runs as pasted."""

from __future__ import annotations

import json

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.messages import RowError
from hf_recipes.data.prompt_form import PromptForm, prompt_form
from hf_recipes.hub.publish.facts import Facts

IMAGE = "https://huggingface.co/datasets/huggingface/documentation-images/resolve/main/bee.jpg"
SENTENCE = "I love this library"


def snippet(facts: Facts, repo: str) -> str:
    """Python for what `install` names. Ends with a line end."""
    makers = {
        "lm_training": _causal,
        "seq2seq": _seq2seq,
        "text_multi_class_classification": _text_classification,
        "text_single_column_regression": _text_classification,
        "text_token_classification": _token_classification,
        "text_extractive_question_answering": _question_answering,
        "sentence_transformers": _sentences,
        "vlm": _vlm,
        "image_multi_class_classification": _image_classification,
        "image_single_column_regression": _image_classification,
        "image_object_detection": _object_detection,
    }
    return "\n".join(makers[facts.task](facts, repo)) + "\n"


def install(facts: Facts) -> str:
    """The packages that the snippet needs, for pip."""
    if facts.task == "sentence_transformers":
        return "sentence-transformers"
    packages = ["transformers", "torch"] + (["peft"] if facts.adapter else [])
    if facts.task in ("vlm", *IMAGE_TASKS):
        packages += ["pillow", "requests"]
    return " ".join(packages)


IMAGE_TASKS = ("image_multi_class_classification", "image_single_column_regression", "image_object_detection")


def prompt(facts: Facts) -> list[dict[str, str]]:
    """A conversation up to the model's turn, as the model was trained to see it. Where its prompt has several columns: that
    of a test row, where anybody may read the data, else with a place for each value."""
    try:
        form = prompt_form(facts.messages, folds=facts.folds)
    except RowError:
        form = PromptForm()
    if form.others and facts.question and facts.public_data:
        return [dict(turn) for turn in facts.question]
    places = {name: f"<{name}>" for name in form.others}
    return form.messages({**places, form.field: facts.examples[0] if facts.examples else "<your text>"})


def _causal(facts: Facts, repo: str) -> list[str]:
    if facts.trainer == "reward":
        return _reward(facts, repo)
    kind = "AutoPeftModelForCausalLM" if facts.adapter else "AutoModelForCausalLM"
    lines = _imports("peft" if facts.adapter else "transformers", kind, "AutoTokenizer")
    lines += ["", f"repo = {_text(repo)}"]
    lines += [f"tokenizer = AutoTokenizer.from_pretrained(repo{_trust(facts)})", *_model(facts, kind), ""]
    if _chats(facts):
        lines += [
            "messages = [",
            *(f"    {json.dumps(message, ensure_ascii=False)}," for message in prompt(facts)),
            "]",
        ]
        lines += _inputs(facts.frame)
    else:
        text = facts.examples[0] if facts.examples else "Once upon a time"
        lines += [f'inputs = tokenizer({_text(text)}, return_tensors="pt")']
    told = "  # its reasoning, then the answer" if facts.reasoning else ""
    return [
        *lines,
        f"output = model.generate(**inputs.to(model.device), max_new_tokens={facts.max_new_tokens}, do_sample=False)",
        f'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)){told}',
    ]


def _inputs(frame: AnswerFrame) -> list[str]:
    """The prompt as tokens, with all that stands before an answer in training."""
    options = "".join(f", {name}={value!r}" for name, value in frame.options.items())
    rendered = f"tokenizer.apply_chat_template(messages, add_generation_prompt=True{options}"
    if not (frame.dropped or frame.added):
        return [f'inputs = {rendered}, return_dict=True, return_tensors="pt")']
    dropped = f".removesuffix({_text(frame.dropped)})" if frame.dropped else ""
    added = f" + {_text(frame.added)}" if frame.added else ""
    return [
        f"prompt = {rendered}, tokenize=False){dropped}{added}  # as before an answer in training",
        'inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")',
    ]


def _chats(facts: Facts) -> bool:
    return bool(facts.messages) or str(facts.params.get("chat_template") or "none") != "none"


def _reward(facts: Facts, repo: str) -> list[str]:
    kind = "AutoPeftModelForSequenceClassification" if facts.adapter else "AutoModelForSequenceClassification"
    loaded = f"model = {kind}.from_pretrained(repo, num_labels=1{_trust(facts)})"
    return [
        *_imports("peft" if facts.adapter else "transformers", kind, "AutoTokenizer"),
        "",
        f"repo = {_text(repo)}",
        f"tokenizer = AutoTokenizer.from_pretrained(repo{_trust(facts)})",
        loaded,
        "",
        'inputs = tokenizer("a question and an answer to it", return_tensors="pt")',
        "print(model(**inputs).logits[0].item())  # the higher, the better the answer",
    ]


def _seq2seq(facts: Facts, repo: str) -> list[str]:
    kind = "AutoPeftModelForSeq2SeqLM" if facts.adapter else "AutoModelForSeq2SeqLM"
    text = facts.examples[0] if facts.examples else SENTENCE
    return [
        *_imports("peft" if facts.adapter else "transformers", kind, "AutoTokenizer"),
        "",
        f"repo = {_text(repo)}",
        f"tokenizer = AutoTokenizer.from_pretrained(repo{_trust(facts)})",
        *_model(facts, kind),
        "",
        f'inputs = tokenizer({_text(text)}, return_tensors="pt")',
        f"output = model.generate(**inputs, max_new_tokens={facts.params.get('max_target_length') or 128})",
        "print(tokenizer.decode(output[0], skip_special_tokens=True))",
    ]


def _text_classification(facts: Facts, repo: str) -> list[str]:
    number = facts.task == "text_single_column_regression"
    text = facts.examples[0] if facts.examples else SENTENCE
    more = ', function_to_apply="none"' if number else ""
    return [*_pipeline("text-classification", facts, repo), f"print(model({_text(text)}{more}))"]


def _token_classification(facts: Facts, repo: str) -> list[str]:
    text = facts.examples[0] if facts.examples else "Ada Lovelace lived in London."
    made = _pipeline("token-classification", facts, repo, ', aggregation_strategy="simple"')
    return [*made, f"print(model({_text(text)}))"]


def _image_classification(facts: Facts, repo: str) -> list[str]:
    more = ', function_to_apply="none"' if facts.task == "image_single_column_regression" else ""
    return [*_pipeline("image-classification", facts, repo), f'print(model("{IMAGE}"{more}))']


def _object_detection(facts: Facts, repo: str) -> list[str]:
    return [*_pipeline("object-detection", facts, repo), f'print(model("{IMAGE}"))']


def _question_answering(facts: Facts, repo: str) -> list[str]:
    # transformers 5 has no pipeline for it any more.
    return [
        "import torch",
        *_imports("transformers", "AutoModelForQuestionAnswering", "AutoTokenizer"),
        "",
        f"repo = {_text(repo)}",
        f"tokenizer = AutoTokenizer.from_pretrained(repo{_trust(facts)})",
        *_model(facts, "AutoModelForQuestionAnswering"),
        "",
        'inputs = tokenizer("Who wrote it?", "Ada wrote it.", return_tensors="pt")',
        "with torch.no_grad():",
        "    output = model(**inputs)",
        "start, end = output.start_logits.argmax().item(), output.end_logits.argmax().item()",
        'print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))',
    ]


def _sentences(facts: Facts, repo: str) -> list[str]:
    return [
        "from sentence_transformers import SentenceTransformer",
        "",
        f"model = SentenceTransformer({_text(repo)}{_trust(facts)})",
        f'embeddings = model.encode([{_text(SENTENCE)}, "I like to train models by myself"])',
        "print(model.similarity(embeddings, embeddings))",
    ]


def _vlm(facts: Facts, repo: str) -> list[str]:
    kind = "AutoModelForImageTextToText"
    base = facts.base_model if facts.adapter else repo
    load = f"model = {kind}.from_pretrained({_text(base)}{_trust(facts)})"
    adapter = [f"model = PeftModel.from_pretrained(model, {_text(repo)})"] if facts.adapter else []
    question = facts.examples[0] if facts.examples else "What is in the picture?"
    return [
        "import requests",
        *(["from peft import PeftModel"] if facts.adapter else []),
        "from PIL import Image",
        f"from transformers import {kind}, AutoProcessor",
        "",
        load,
        *adapter,
        f"processor = AutoProcessor.from_pretrained({_text(base)}{_trust(facts)})",
        "",
        f'image = Image.open(requests.get("{IMAGE}", stream=True).raw).convert("RGB")',
        f'inputs = processor(images=image, text={_text(question)}, return_tensors="pt")',
        "output = model.generate(**inputs, max_new_tokens=64)",
        'print(processor.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
    ]


def _pipeline(name: str, facts: Facts, repo: str, more: str = "") -> list[str]:
    made = f'model = pipeline("{name}", model={_text(repo)}{more}{_trust(facts)})'
    return ["from transformers import pipeline", "", made]


def _imports(package: str, kind: str, *others: str) -> list[str]:
    if package == "transformers":
        return [f"from transformers import {', '.join(sorted([kind, *others]))}"]
    return [f"from {package} import {kind}", f"from transformers import {', '.join(others)}"]


def _model(facts: Facts, kind: str) -> list[str]:
    return [f"model = {kind}.from_pretrained(repo{_trust(facts)})"]


def _trust(facts: Facts) -> str:
    return ", trust_remote_code=True" if facts.trust_remote_code else ""


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
