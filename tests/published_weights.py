"""Weights with the names and shapes of the published supernets, and what their networks compute, from the papers alone.

Random numbers in files of the official kind: the files themselves are nobody's to ship. All is written out by hand
here, so that what Navarch makes of such a file has something to be equal to.
"""

import torch
from torch.nn import functional as F

WIDTHS = {  # percent: stem, first block, five stages, last expansion, last layer
    25: (8, 8, 8, 16, 24, 32, 40, 240, 320),
    100: (16, 16, 24, 40, 80, 112, 160, 960, 1280),
    120: (24, 24, 32, 48, 96, 136, 192, 1152, 1536),
}
STRIDES, HAS_SE = (2, 2, 2, 1, 2), (False, True, False, True, True)
SPOS_WIDTHS = (16, 64, 160, 320, 640, 1024)
REPEATS = (4, 4, 8, 4)


def divisible(channels):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class Draw(dict):
    """Tensors by name, random, each drawn as it is named."""

    def __init__(self, seed=0):
        self.chance = torch.Generator().manual_seed(seed)

    def add(self, name, *shape, scale=None):
        inputs = max(1, int(torch.tensor(shape[1:]).prod())) if len(shape) > 1 else 1
        scale = scale or (2 / inputs) ** 0.5
        self[name] = scale * torch.randn(shape, generator=self.chance)

    def add_norm(self, name, channels, *, has_scale=True, has_statistics=True):
        if has_scale:
            self[f"{name}.weight"] = 1 + 0.1 * torch.randn(channels, generator=self.chance)
            self[f"{name}.bias"] = 0.1 * torch.randn(channels, generator=self.chance)
        if has_statistics:
            self[f"{name}.running_mean"] = torch.randn(channels, generator=self.chance)
            self[f"{name}.running_var"] = torch.rand(channels, generator=self.chance)
            self[f"{name}.num_batches_tracked"] = torch.tensor(7)


def ofa_weights(percent=25, classes=1000):
    """Return what `state_dict` holds in ofa_mbv3_d234_e346_k357_w*, in the older of its two spellings."""
    stem, first, *stages, head, neck = WIDTHS[percent]
    draw = Draw()
    draw.add("first_conv.conv.weight", stem, 3, 3, 3)
    draw.add_norm("first_conv.bn", stem)
    block = "blocks.0.mobile_inverted_conv"
    draw.add(f"{block}.depth_conv.conv.weight", stem, 1, 3, 3)
    draw.add_norm(f"{block}.depth_conv.bn", stem)
    draw.add(f"{block}.point_linear.conv.weight", first, stem, 1, 1)
    draw.add_norm(f"{block}.point_linear.bn", first)
    c_in = first
    for stage, c_out in enumerate(stages):
        for place in range(4):
            block, mid = f"blocks.{1 + 4 * stage + place}.mobile_inverted_conv", divisible(6 * c_in)
            draw.add(f"{block}.inverted_bottleneck.conv.conv.weight", mid, c_in, 1, 1)
            draw.add_norm(f"{block}.inverted_bottleneck.bn.bn", mid)
            draw.add(f"{block}.depth_conv.conv.conv.weight", mid, 1, 7, 7)
            for name, kernel in (("5to3", 3), ("7to5", 5)):
                draw[f"{block}.depth_conv.conv.{name}_matrix"] = torch.eye(kernel**2) + 0.1 * torch.randn(
                    kernel**2, kernel**2, generator=draw.chance
                )
            draw.add_norm(f"{block}.depth_conv.bn.bn", mid)
            if HAS_SE[stage]:
                inner = divisible(mid // 4)
                draw.add(f"{block}.depth_conv.se.fc.reduce.weight", inner, mid, 1, 1)
                draw.add(f"{block}.depth_conv.se.fc.reduce.bias", inner)
                draw.add(f"{block}.depth_conv.se.fc.expand.weight", mid, inner, 1, 1)
                draw.add(f"{block}.depth_conv.se.fc.expand.bias", mid)
            draw.add(f"{block}.point_linear.conv.conv.weight", c_out, mid, 1, 1)
            draw.add_norm(f"{block}.point_linear.bn.bn", c_out)
            c_in = c_out
    draw.add("final_expand_layer.conv.weight", head, c_in, 1, 1)
    draw.add_norm("final_expand_layer.bn", head)
    draw.add("feature_mix_layer.conv.weight", neck, head, 1, 1)
    draw.add("classifier.linear.weight", classes, neck)
    draw.add("classifier.linear.bias", classes)
    return dict(draw)


def ofa_logits(weights, images, depths, kernels, expansions):
    """Return what the sub-network computes, normalised by the batch. kernels, expansions: of 20 blocks, used or not."""
    w = {name: value.double() for name, value in weights.items()}

    def norm(x, name):
        scale, shift = w[f"{name}.weight"][: x.shape[1]], w[f"{name}.bias"][: x.shape[1]]
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)

    def h_swish(x):
        return x * (x + 3).clamp(0, 6) / 6

    x = h_swish(norm(F.conv2d(images, w["first_conv.conv.weight"], stride=2, padding=1), "first_conv.bn"))
    block = "blocks.0.mobile_inverted_conv"
    depthwise = w[f"{block}.depth_conv.conv.weight"]
    y = norm(F.conv2d(x, depthwise, padding=1, groups=len(depthwise)), f"{block}.depth_conv.bn").relu()
    x = x + norm(F.conv2d(y, w[f"{block}.point_linear.conv.weight"]), f"{block}.point_linear.bn")
    for stage, depth in enumerate(depths):
        for place in range(depth):
            number, stride = 4 * stage + place, STRIDES[stage] if place == 0 else 1
            block = f"blocks.{number + 1}.mobile_inverted_conv"
            mid, kernel = divisible(x.shape[1] * expansions[number]), kernels[number]
            act = F.relu if stage < 2 else h_swish
            y = F.conv2d(x, w[f"{block}.inverted_bottleneck.conv.conv.weight"][:mid])
            y = act(norm(y, f"{block}.inverted_bottleneck.bn.bn"))
            depthwise = w[f"{block}.depth_conv.conv.conv.weight"][:mid]
            for name, smaller in (("7to5", 5), ("5to3", 3)):
                if kernel <= smaller:
                    matrix = w[f"{block}.depth_conv.conv.{name}_matrix"]
                    centre = depthwise[:, 0, 1:-1, 1:-1].reshape(mid, -1)
                    made = torch.einsum("ij,cj->ci", matrix, centre)
                    depthwise = made.reshape(mid, 1, smaller, smaller)
            y = F.conv2d(y, depthwise, stride=stride, padding=kernel // 2, groups=mid)
            y = act(norm(y, f"{block}.depth_conv.bn.bn"))
            if HAS_SE[stage]:
                fc, inner = f"{block}.depth_conv.se.fc", divisible(mid // 4)
                z = y.mean((2, 3), keepdim=True)
                z = F.conv2d(z, w[f"{fc}.reduce.weight"][:inner, :mid], w[f"{fc}.reduce.bias"][:inner]).relu()
                z = F.conv2d(z, w[f"{fc}.expand.weight"][:mid, :inner], w[f"{fc}.expand.bias"][:mid])
                y = y * ((z + 3).clamp(0, 6) / 6)
            y = F.conv2d(y, w[f"{block}.point_linear.conv.conv.weight"][:, :mid])
            y = norm(y, f"{block}.point_linear.bn.bn")
            x = x + y if stride == 1 and x.shape == y.shape else y
    x = h_swish(norm(F.conv2d(x, w["final_expand_layer.conv.weight"]), "final_expand_layer.bn"))
    x = h_swish(F.conv2d(x.mean((2, 3), keepdim=True), w["feature_mix_layer.conv.weight"])).flatten(1)
    return x @ w["classifier.linear.weight"].T + w["classifier.linear.bias"]


def spos_layers(option, c_in, c_out, is_first):
    """Return the convolutions of a choice block: (branch, place, outputs, inputs, kernel, groups, has a ReLU)."""
    mid, main_in = c_out // 2, c_in if is_first else c_in // 2
    kernel = (3, 5, 7, 3)[option]
    point, depth = (lambda i, o: (o, i, 1, 1, True)), (lambda c: (c, 1, kernel, c, False))
    if option < 3:
        chain = [point(main_in, mid), depth(mid), point(mid, c_out - main_in)]
    else:
        chain = [depth(main_in), point(main_in, mid), depth(mid), point(mid, mid)]
        chain += [depth(mid), point(mid, c_out - main_in)]
    found, place = [], 0
    for layer in chain:
        found.append(("branch_main", place, *layer))
        place += 3 if layer[-1] else 2
    if is_first:
        found += [("branch_proj", 0, *depth(c_in)), ("branch_proj", 2, *point(c_in, c_in))]
    return found


def spos_blocks(widths):
    """Yield the number of each block, its input and output channels, and whether it is the first of its stage."""
    number, c_in = 0, widths[0]
    for stage, repeats in enumerate(REPEATS, 1):
        for place in range(repeats):
            yield number, c_in, widths[stage], place == 0
            number, c_in = number + 1, widths[stage]


def spos_weights(widths=SPOS_WIDTHS, classes=1000):
    """Return what `state_dict` holds in checkpoint-150000.pth.tar: trained in parallel, so with a prefix."""
    draw = Draw()
    draw.add("module.first_conv.0.weight", widths[0], 3, 3, 3)
    draw.add_norm("module.first_conv.1", widths[0], has_scale=False)
    for number, c_in, c_out, is_first in spos_blocks(widths):
        for option in range(4):
            for branch, place, out, inputs, kernel, _, _ in spos_layers(option, c_in, c_out, is_first):
                name = f"module.features.{number}.{option}.{branch}"
                draw.add(f"{name}.{place}.weight", out, inputs, kernel, kernel)
                draw.add_norm(f"{name}.{place + 1}", out, has_scale=False)
    draw.add("module.conv_last.0.weight", widths[5], widths[4], 1, 1)
    draw.add_norm("module.conv_last.1", widths[5], has_scale=False)
    draw.add("module.classifier.0.weight", classes, widths[5])
    return dict(draw)


def spos_logits(weights, images, options, widths=SPOS_WIDTHS):
    """Return what a path computes of images whose first channel is blue, normalised by the batch."""
    w = {name.removeprefix("module."): value.double() for name, value in weights.items()}

    def norm(x):
        return F.batch_norm(x, None, None, training=True, eps=1e-5)

    x = norm(F.conv2d(images, w["first_conv.0.weight"], stride=2, padding=1)).relu()
    for number, c_in, c_out, is_first in spos_blocks(widths):
        if is_first:
            read = {"branch_main": x, "branch_proj": x}
        else:
            read = {"branch_main": x[:, 1::2], "branch_proj": x[:, 0::2]}
        halved = set()
        layers = spos_layers(options[number], c_in, c_out, is_first)
        for branch, place, _, _, kernel, groups, is_active in layers:
            weight = w[f"features.{number}.{options[number]}.{branch}.{place}.weight"]
            stride = 2 if is_first and groups > 1 and branch not in halved else 1
            halved |= {branch} if groups > 1 else set()
            y = norm(F.conv2d(read[branch], weight, stride=stride, padding=kernel // 2, groups=groups))
            read[branch] = y.relu() if is_active else y
        x = torch.cat([read["branch_proj"], read["branch_main"]], 1)
    x = norm(F.conv2d(x, w["conv_last.0.weight"])).relu().mean((2, 3))
    return x @ w["classifier.0.weight"].T


def autoformer_weights(
    width=256, heads=4, depth=14, *, head_dim=64, patch=16, side=224, distance=14, classes=1000
):
    """Return what `model` holds in supernet-tiny.pth (small: 448, 7, 14; base: 640, 10, 16)."""
    draw, inner, hidden = Draw(), heads * head_dim, 4 * width
    draw.add("pos_embed", 1, (side // patch) ** 2 + 1, width, scale=0.5)
    draw.add("cls_token", 1, 1, width, scale=0.5)
    draw.add("patch_embed_super.proj.weight", width, 3, patch, patch)
    draw.add("patch_embed_super.proj.bias", width, scale=0.5)
    for block in (f"blocks.{number}" for number in range(depth)):
        shapes = {"attn.qkv": (3 * inner, width), "attn.proj": (width, inner)}
        shapes |= {"fc1": (hidden, width), "fc2": (width, hidden)}
        for name, shape in shapes.items():
            draw.add(f"{block}.{name}.weight", *shape)
            draw.add(f"{block}.{name}.bias", shape[0], scale=0.5)
        for kind in "kv":
            for axis in "vh":
                table = f"{block}.attn.rel_pos_embed_{kind}.embeddings_table_{axis}"
                draw.add(table, 2 * distance + 2, head_dim, scale=0.5)
        for name in ("attn_layer_norm", "ffn_layer_norm"):
            draw.add_norm(f"{block}.{name}", width, has_statistics=False)
    draw.add_norm("norm", width, has_statistics=False)
    draw.add("head.weight", classes, width)
    draw.add("head.bias", classes, scale=0.5)
    return dict(draw)


def autoformer_logits(weights, images, width, heads, ratios, *, head_dim=64, patch=16, distance=14):
    """Return what a sub-network computes. heads, ratios: of each block."""
    w = {name: value.double() for name, value in weights.items()}
    grid = images.shape[-1] // patch
    patches = F.conv2d(
        images,
        w["patch_embed_super.proj.weight"][:width],
        w["patch_embed_super.proj.bias"][:width],
        stride=patch,
    )
    x = torch.cat([w["cls_token"][..., :width].expand(len(images), 1, -1), patches.flatten(2).mT], 1)
    x = x + w["pos_embed"][..., :width]

    def norm(x, name):
        return F.layer_norm(x, (width,), w[f"{name}.weight"][:width], w[f"{name}.bias"][:width], eps=1e-5)

    def row(away):
        return max(-distance, min(distance, away)) + distance + 1

    places = [(place // grid, place % grid) for place in range(grid**2)]
    down = torch.tensor([[row(key[0] - query[0]) for key in places] for query in places])
    right = torch.tensor([[row(key[1] - query[1]) for key in places] for query in places])

    def positions(name):
        """Return (query, key, head_dim): the first row of both tables is for the class token, on either side."""
        vertical, horizontal = w[f"{name}.embeddings_table_v"], w[f"{name}.embeddings_table_h"]
        made = (vertical[0] + horizontal[0]).repeat(grid**2 + 1, grid**2 + 1, 1)
        made[1:, 1:] = vertical[down] + horizontal[right]
        return made

    for number, (count, ratio) in enumerate(zip(heads, ratios, strict=True)):
        block, inner, hidden = f"blocks.{number}", count * head_dim, int(width * ratio)
        near = {kind: positions(f"{block}.attn.rel_pos_embed_{kind}") for kind in "kv"}
        y = norm(x, f"{block}.attn_layer_norm")
        weight, bias = w[f"{block}.attn.qkv.weight"], w[f"{block}.attn.qkv.bias"][: 3 * inner]
        # every third row of the weight from the first, second, third on; of the bias one stretch after the other
        q, k, v = (
            y @ weight[part : 3 * inner : 3, :width].T + bias[part * inner : (part + 1) * inner]
            for part in range(3)
        )
        mixed = []
        for head in range(count):
            own = slice(head * head_dim, (head + 1) * head_dim)
            logits = q[..., own] @ k[..., own].mT + torch.einsum("bqd,qkd->bqk", q[..., own], near["k"])
            share = (logits / head_dim**0.5).softmax(-1)
            mixed.append(share @ v[..., own] + torch.einsum("bqk,qkd->bqd", share, near["v"]))
        proj = w[f"{block}.attn.proj.weight"][:width, :inner]
        x = x + torch.cat(mixed, -1) @ proj.T + w[f"{block}.attn.proj.bias"][:width]
        y = norm(x, f"{block}.ffn_layer_norm")
        y = F.gelu(y @ w[f"{block}.fc1.weight"][:hidden, :width].T + w[f"{block}.fc1.bias"][:hidden])
        x = x + y @ w[f"{block}.fc2.weight"][:width, :hidden].T + w[f"{block}.fc2.bias"][:width]
    x = norm(x, "norm")[:, 1:].mean(1)
    return x @ w["head.weight"][:, :width].T + w["head.bias"]
