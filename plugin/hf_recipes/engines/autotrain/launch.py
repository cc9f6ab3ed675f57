"""The command that starts AutoTrain's trainer: its own `launch_command`, with programs called as modules.

`accelerate` and `python` are found only in an activated environment; `{python} -m` always works.
"""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.engines.autotrain.table import module_of

ACCELERATE = ("{python}", "-m", "accelerate.commands.launch")
DEEPSPEED_ZERO_3 = (
    "--use_deepspeed", "--zero_stage", "3", "--offload_optimizer_device", "none", "--offload_param_device", "none",
    "--zero3_save_16bit_model", "true", "--zero3_init_flag", "true", "--deepspeed_multinode_launcher", "standard",
)  # fmt: skip
SHARDS_BEYOND_TWO_GPUS = ("seq2seq", "vlm")


def launch(
    task: str, params: Mapping[str, object], gpus: int, *, program: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The argv for a machine with so many GPUs. `program`, a script and its arguments, stands in for the trainer's module."""
    program = program or ("-m", module_of(task))
    config = ("--training_config", f"{params['project_name']}/training_params.json")
    if task == "tabular":
        return ("{python}", *program, *config)
    return (*ACCELERATE, *_processes(task, params, gpus), *_precision(params, gpus), *program, *config)


def _processes(task: str, params: Mapping[str, object], gpus: int) -> tuple[str, ...]:
    if gpus == 0:
        return ("--cpu",)
    if gpus == 1:
        return ("--num_machines", "1", "--num_processes", "1")
    if sharded(task, params, gpus):
        return (*DEEPSPEED_ZERO_3, "--gradient_accumulation_steps", str(params["gradient_accumulation"]))
    return ("--multi_gpu", "--num_machines", "1", "--num_processes", str(gpus))


def sharded(task: str, params: Mapping[str, object], gpus: int) -> bool:
    """Whether AutoTrain splits the model over the GPUs with DeepSpeed instead of copying it to each."""
    if task == "lm_training":
        return params["distributed_backend"] == "deepspeed"
    if task in SHARDS_BEYOND_TWO_GPUS and gpus > 2:
        quantized = params["quantization"] in ("int8", "int4") and params["peft"]
        return not (quantized and params["mixed_precision"] == "bf16")
    return False


def _precision(params: Mapping[str, object], gpus: int) -> tuple[str, ...]:
    if gpus == 0:
        return ()
    precision = params["mixed_precision"]
    return ("--mixed_precision", str(precision) if precision in ("fp16", "bf16") else "no")
