"""From the names and shapes of published weights to those that Navarch's supernets share, nothing missing or left over.

Names and shapes are facts of the projects that publish: the dynamic layers of once-for-all (in both spellings that it
reads), the choice blocks of SinglePathOneShot, the super layers of Cream's AutoFormer. Running statistics of
normalisations are known and checked, and left behind: they are re-estimated for every architecture.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from navarch import NavarchError
from navarch.evaluation.supernet.checkpoints import Checkpoint, published_checkpoints
from navarch.evaluation.supernet.elastic import ElasticSupernet
from navarch.evaluation.supernet.making import make_supernet
from navarch.evaluation.supernet.net import Frame, Supernet
from navarch.evaluation.supernet.sliced import EntangledSupernet, largest
from navarch.evaluation.supernet.weights import About, write_weights
from navarch.evaluation.task import Task
from navarch.evaluation.tensor_file import TensorFileError, load_tensors
from navarch.spaces import get_space
from navarch.spaces.autoformer.cost import Sizes
from navarch.spaces.autoformer.encoding import to_subnet
from navarch.spaces.autoformer.network import Network

Take = Callable[[Tensor], Tensor]
Refuse = Callable[[str], NavarchError]  # from a reason to the error that is raised


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a published file: its name and shape there, and what it becomes; None: nothing, but it is known."""

    name: str
    shape: tuple[int, ...]
    shared: str | None
    take: Take = torch.clone


def write_published(file: Path, output: Path, about: About, task: Task) -> None:
    """Leave the weights of a published file in a file of our own.

    task: with the resolution that its images are brought to.
    Raises: NavarchError where the file is damaged, holds code, or does not fit the space or the task.
    """
    known = published_checkpoints()[about.space]

    def refuse(why: str) -> NavarchError:
        return NavarchError(
            f"{str(file)!r} does not hold the published weights of {about.space!r} ({known.file}): {why}."
        )

    content = open_published(file, refuse)
    supernet = make_supernet(get_space(about.space), task, about.skeleton, is_published=True)
    for name, value in map_weights(content, supernet, known, refuse).items():
        supernet.share(name, value)
    write_weights(output, about, supernet.saved_weights(), {})


def open_published(file: Path, refuse: Refuse) -> object:
    """Return what a file holds that others wrote, yet to be checked. Raises: NavarchError, by `refuse` or not read."""
    try:
        return load_tensors(file, is_ours=False)
    except OSError as error:
        raise NavarchError(f"The file {str(file)!r} cannot be read: {error.strerror or error}.") from None
    except TensorFileError as error:
        raise refuse(str(error)) from None


def map_weights(
    content: object, supernet: Supernet, checkpoint: Checkpoint, refuse: Refuse
) -> dict[str, Tensor]:
    """Return the shared weights of a supernet by name, from what a published file holds.

    Raises: NavarchError with what `refuse` makes of the first thing that does not fit.
    """
    given = _spell(_find_tensors(content, refuse), refuse)
    hint = _recognise(given, checkpoint)
    weights: dict[str, Tensor] = {}
    for entry in entries(supernet, checkpoint):
        found = given.pop(entry.name, None)
        if found is None:
            if entry.shared is not None:
                raise refuse(f"it has no {entry.name!r}, which is to be {entry.shape}{hint}")
            continue
        if tuple(found.shape) != entry.shape:
            if entry.shared in _CLASSIFIERS and found.shape[1:] == entry.shape[1:]:
                raise refuse(f"it labels {len(found)} classes, and the task has {entry.shape[0]}")
            raise refuse(f"{entry.name!r} is {tuple(found.shape)} and is to be {entry.shape}{hint}")
        if entry.shared is not None:
            value = entry.take(found.to(torch.float32))
            if not value.isfinite().all():
                raise refuse(f"{entry.name!r} holds what is no finite number")
            weights[entry.shared] = value.contiguous()
    if given:
        raise refuse(f"nothing here is made of {min(given)[:100]!r}{hint}")
    return weights


def entries(supernet: Supernet, checkpoint: Checkpoint) -> Iterator[Entry]:
    """Yield every tensor that a published file of a supernet holds."""
    if isinstance(supernet, ElasticSupernet):
        return _elastic(supernet)
    if isinstance(supernet, EntangledSupernet):
        return _entangled(supernet, checkpoint.embed_dim)
    return _chosen(supernet, is_bgr=checkpoint.is_bgr)


_CLASSIFIERS = ("classifier.weight", "head.weight")
_ELASTIC = (
    (r"^stem\.0\.", "first_conv.conv."),
    (r"^stem\.1\.", "first_conv.bn."),
    (r"^blocks\.(\d+)\.layers\.", r"blocks.\1.conv."),
    (r"^blocks\.(\d+)\.to_5x5$", r"blocks.\1.conv.depth_conv.conv.7to5_matrix"),
    (r"^blocks\.(\d+)\.to_3x3$", r"blocks.\1.conv.depth_conv.conv.5to3_matrix"),
    (r"\.expand\.0\.", ".inverted_bottleneck.conv."),
    (r"\.expand\.1\.", ".inverted_bottleneck.bn."),
    (r"\.depthwise\.0\.", ".depth_conv.conv."),
    (r"\.depthwise\.1\.", ".depth_conv.bn."),
    (r"\.squeeze\.weigh\.1\.", ".depth_conv.se.fc.reduce."),
    (r"\.squeeze\.weigh\.3\.", ".depth_conv.se.fc.expand."),
    (r"\.project\.0\.", ".point_linear.conv."),
    (r"\.project\.1\.", ".point_linear.bn."),
    (r"^head\.0\.0\.", "final_expand_layer.conv."),
    (r"^head\.0\.1\.", "final_expand_layer.bn."),
    (r"^head\.2\.", "feature_mix_layer.conv."),
    (r"^classifier\.", "classifier.linear."),
)
_CHOSEN = (
    (r"^stem\.", "first_conv."),
    (r"\.main\.", ".branch_main."),
    (r"\.projection\.", ".branch_proj."),
    (r"^head\.", "conv_last."),
    (r"^classifier\.", "classifier.0."),
)
_ENTANGLED = (
    (r"^patch_embed\.", "patch_embed_super.proj."),
    (r"\.norm1\.", ".attn_layer_norm."),
    (r"\.norm2\.", ".ffn_layer_norm."),
    (r"\.rel_(k|v)\.vertical$", r".rel_pos_embed_\1.embeddings_table_v"),
    (r"\.rel_(k|v)\.horizontal$", r".rel_pos_embed_\1.embeddings_table_h"),
)


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _elastic(supernet: Supernet) -> Iterator[Entry]:
    """Once-for-All: the same shapes, and a kernel's matrices beside it."""
    for shared in supernet.names():
        name, shape = _rename(shared, _ELASTIC), tuple(supernet.read(shared).shape)
        yield Entry(name, shape, shared)
        if name.endswith(".bn.weight"):
            yield from _statistics(name.removesuffix("weight"), shape[0])


def _chosen(supernet: Supernet, *, is_bgr: bool) -> Iterator[Entry]:
    """SPOS: every convolution is followed by a normalisation that keeps statistics alone."""
    options = supernet.frame.space.dimensions[0].names
    for shared in supernet.names():
        name, _, option = shared.partition("@")
        shape = tuple(supernet.read(shared).shape)
        if option:
            name = re.sub(r"^blocks\.(\d+)\.", rf"features.\1.{options.index(option)}.", name)
        name = _rename(name, _CHOSEN)
        is_flipped = is_bgr and name == "first_conv.0.weight"
        yield Entry(name, shape, shared, (lambda value: value.flip(1)) if is_flipped else torch.clone)
        if len(shape) == 4:
            branch, place, _ = name.rsplit(".", 2)
            yield from _statistics(f"{branch}.{int(place) + 1}.", shape[0])


def _statistics(start: str, channels: int) -> Iterator[Entry]:
    yield Entry(f"{start}running_mean", (channels,), None)
    yield Entry(f"{start}running_var", (channels,), None)
    yield Entry(f"{start}num_batches_tracked", (), None)


def _entangled(supernet: EntangledSupernet, embed_dim: int) -> Iterator[Entry]:
    """AutoFormer: shapes of its supernet, of which the widest architecture uses the first channels."""
    wide = _wide_shapes(supernet.frame, embed_dim)
    for shared in supernet.names():
        shape = tuple(supernet.read(shared).shape)
        cut = _gather(shape) if shared.endswith(".qkv.weight") else _cut(shape)
        yield Entry(_rename(shared, _ENTANGLED), wide[shared], shared, cut)


def _wide_shapes(frame: Frame, embed_dim: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the largest network with another width of the embedding."""
    subnet = to_subnet(largest(frame.space).values)._replace(embed_dim=embed_dim)
    around = {**frame.space.skeleton, **frame.skeleton}
    sizes = Sizes(frame.classes, frame.in_channels, frame.resolution, **around)
    with torch.device("meta"):
        network = Network(subnet, sizes)
    return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}


def _cut(shape: tuple[int, ...]) -> Take:
    return lambda value: value[tuple(slice(0, size) for size in shape)].clone()


def _gather(shape: tuple[int, ...]) -> Take:
    """Queries, keys and values take turns in the rows of the published weight; here they stand one behind the other."""
    return lambda value: _cut(shape)(torch.cat([value[part::3] for part in range(3)]))


def _find_tensors(content: object, refuse: Refuse) -> dict[str, Tensor]:
    """Return the named tensors of a file: all that it holds, or what stands under the name that authors give them."""
    for name in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not content:
        raise refuse("it holds no weights by name")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise refuse(f"{str(name)[:100]!r} in it is no plain tensor")
    return dict(content)


def _recognise(given: Mapping[str, Tensor], wanted: Checkpoint) -> str:
    """Return which other published file it may be, as the end of a sentence."""
    for space, known in published_checkpoints().items():
        mark = given.get(known.mark)
        if mark is not None and mark.shape[:1] == (known.channels,) and known.file != wanted.file:
            return f"; it looks like {known.file}, of --space {space}"
    return ""


def _spell(given: Mapping[str, Tensor], refuse: Refuse) -> dict[str, Tensor]:
    """Return the tensors under one spelling: once-for-all has two, and models trained in parallel a prefix."""
    spelled: dict[str, Tensor] = {}
    for name, value in given.items():
        plain = name.removeprefix("module.").replace(".mobile_inverted_conv.", ".conv.")
        for double in ("bn", "conv", "linear"):
            plain = plain.replace(f".{double}.{double}.", f".{double}.")
        if plain in spelled:
            raise refuse(f"it has {plain!r} twice, in two spellings")
        spelled[plain] = value
    return spelled
