"""The network of AutoFormer: it costs what the closed form says, and attention knows where tokens lie."""

import json
import random

import pytest
import torch
from metering import build_on_meta, meta_cost
from slices import slices
from torch.utils.flop_counter import FlopCounterMode

from navarch import NavarchError
from navarch.spaces import Cost, get_space
from navarch.spaces.autoformer.cost import Sizes, Subnet, network_cost
from navarch.spaces.autoformer.network import Attention, Network, relative_rows

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ("autoformer-tiny", "autoformer-small", "autoformer-base", "autoformer-tiny-r3")
SPACES = tuple(get_space(name) for name in NAMES)
OF_LETTER = {"T": SPACES[3], "S": SPACES[1], "B": SPACES[2]}
SMALL = Sizes(classes=5, in_channels=3, resolution=12, patch=4, head_dim=6, max_distance=2)
SUBNET = Subnet(10, (2, 3, 1), (3.5, 4, 3))
ODD = [
    {"classes": 10, "in_channels": 1, "resolution": 32},
    {"classes": 7, "in_channels": 3, "resolution": 65, "skeleton": {"patch": 9}},
    {"classes": 120, "in_channels": 4, "resolution": 16},
    {
        "classes": 1,
        "in_channels": 3,
        "resolution": 37,
        "skeleton": {"patch": 4, "head_dim": 7, "max_distance": 3},
    },
    {"classes": 100, "in_channels": 3, "resolution": 33, "skeleton": {"patch": 1, "max_distance": 1}},
]


def make(subnet=SUBNET, **sizes):
    torch.manual_seed(0)
    return Network(subnet, SMALL._replace(**sizes))


def check(space, arch, settings):
    built = build_on_meta(space, arch, **settings)
    counted = meta_cost(built, settings.get("in_channels", 3), settings.get("resolution", 224))
    assert space.cost(arch, **settings) == counted, (space.name, space.code(arch), settings)


# --- Costs ---


def test_the_closed_form_counts_what_the_built_network_has(only_counted_layers):
    rng = random.Random(0)
    for space in SPACES[:2]:  # the slow tests have a thousand of each
        check(space, space.sample(rng), {"classes": 1000})


def test_the_closed_form_counts_what_networks_of_odd_sizes_have(only_counted_layers):
    rng = random.Random(1)
    for i in range(2):  # the slow test has sixty
        check(SPACES[i % 4], SPACES[i % 4].sample(rng), ODD[i % len(ODD)])


@pytest.mark.parametrize("part", slices(40))
@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_the_closed_form_counts_what_a_thousand_built_networks_have(only_counted_layers, space, part):
    rng = random.Random(2 + part)
    for _ in range(25):
        check(space, space.sample(rng), {"classes": 1000})


@pytest.mark.slow
def test_the_closed_form_counts_what_sixty_networks_of_odd_sizes_have():
    rng = random.Random(3)
    for i in range(60):
        check(SPACES[i % 4], SPACES[i % 4].sample(rng), ODD[i % len(ODD)])


@pytest.mark.slow
def test_every_kind_of_operation_counts_as_in_the_ground_truth(shared_file):
    for record in json.loads(shared_file("ground_truth/autoformer.json").read_text())["architectures"]:
        space = OF_LETTER[record["encoding"]["space"]]
        network = build_on_meta(space, space.parse(record["encoding"]), classes=record["num_classes"])
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.empty(record["input"], device="meta"))
        counted = {
            str(operation): flops // 2 for operation, flops in counter.get_flop_counts()["Global"].items()
        }
        assert counted == record["macs_by_aten_op"]
        assert sum(p.numel() for p in network.parameters()) == record["params"]


def test_a_network_of_any_numbers_costs_what_the_closed_form_says():
    built = make()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        built(torch.randn(1, 3, 12, 12))
    params = sum(p.numel() for p in built.parameters())
    assert network_cost(SUBNET, SMALL) == Cost(params, counter.get_total_flops() // 2)


# --- Relative positions ---


def test_rows_of_the_tables_count_from_query_to_key_and_stop_at_the_greatest_distance():
    vertical, horizontal = relative_rows(4, max_distance=2)
    assert vertical.shape == horizontal.shape == (17, 17)
    for table, of_token in ((vertical, lambda token: token // 4), (horizontal, lambda token: token % 4)):
        assert not table[0].any()
        assert not table[:, 0].any()
        for query in range(16):
            for key in range(16):
                distance = max(-2, min(2, of_token(key) - of_token(query)))
                assert table[1 + query, 1 + key] == 3 + distance


def test_the_published_image_never_reaches_the_greatest_distance():
    vertical, horizontal = relative_rows(14, max_distance=14)
    for table in (vertical, horizontal):
        assert sorted(set(table.flatten().tolist())) == [0, *range(2, 29)]  # 1 and 29: 14 patches apart


def attend_by_hand(attention, x, rows):
    """Compute attention for one image query by query and key by key, as the paper words it."""
    heads, tokens = attention._heads, len(x)
    parts = attention.qkv(x).view(tokens, 3, heads, -1)
    out = torch.zeros(tokens, heads, parts.shape[-1], dtype=x.dtype)

    def near(module, query, key):
        return module.vertical[rows[0][query, key]] + module.horizontal[rows[1][query, key]]

    for head in range(heads):
        q, k, v = parts[:, :, head].unbind(1)
        for i in range(tokens):
            logits = torch.stack([q[i] @ (k[j] + near(attention.rel_k, i, j)) for j in range(tokens)])
            weights = (logits / q.shape[1] ** 0.5).softmax(0)
            values = torch.stack([v[j] + near(attention.rel_v, i, j) for j in range(tokens)])
            out[i, head] = weights @ values
    return attention.proj(out.flatten(1))


def test_attention_adds_relative_positions_to_keys_and_values():
    torch.manual_seed(0)
    attention = Attention(embed_dim=10, heads=3, sizes=SMALL).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
        x, rows = torch.randn(2, 10, 10, dtype=torch.float64), relative_rows(3, max_distance=2)
        by_hand = torch.stack([attend_by_hand(attention, image, rows) for image in x])
        torch.testing.assert_close(attention(x, *rows), by_hand)


# --- The whole network ---


def test_the_classifier_reads_the_mean_of_the_patches_of_pre_normalised_blocks():
    network, x = make().double().eval(), torch.randn(2, 3, 12, 12, dtype=torch.float64)
    tokens = torch.stack(
        [
            network.patch_embed(x[:, :, i : i + 4, j : j + 4])[:, :, 0, 0]
            for i in (0, 4, 8)
            for j in (0, 4, 8)
        ],
        1,
    )
    tokens = torch.cat([network.cls_token.expand(2, 1, 10), tokens], dim=1) + network.pos_embed
    for block in network.blocks:
        tokens = tokens + block.attn(block.norm1(tokens), network.vertical, network.horizontal)
        tokens = tokens + block.fc2(torch.nn.functional.gelu(block.fc1(block.norm2(tokens))))
    logits = network.head(network.norm(tokens)[:, 1:].mean(1))
    torch.testing.assert_close(network(x), logits)
    assert [block.fc1.out_features for block in network.blocks] == [35, 40, 30]
    assert {m.eps for m in network.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-5}


@pytest.mark.parametrize("settings", ODD[:4])
def test_images_of_any_resolution_are_classified(settings):
    space = SPACES[0]
    network = space.build(space.sample(random.Random(0)), **settings).eval()
    side = settings["resolution"]
    with torch.no_grad():
        logits = network(torch.randn(2, settings["in_channels"], side, side))
    assert logits.shape == (2, settings["classes"])
    assert logits.isfinite().all()


def test_pixels_beyond_the_last_whole_patch_are_not_read():
    network, x = make(resolution=15).eval(), torch.randn(2, 3, 15, 15)
    torch.testing.assert_close(network(x), network(x[:, :, :12, :12]))
    torch.testing.assert_close(network(x), make().eval()(x[:, :, :12, :12]))


@pytest.mark.parametrize("shape", [(11, 12), (12, 16), (16, 16), (1, 1)])
def test_an_image_with_another_number_of_patches_is_refused(shape):
    with pytest.raises(NavarchError, match=r"built for resolution 12 reads 3 x 3 patches .* not an image of"):
        make()(torch.randn(1, 3, *shape))


def test_without_drop_path_training_computes_what_evaluation_computes():
    network, x = make(), torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(network.train()(x), network.eval()(x))


def test_drop_path_leaves_out_branches_of_images_and_keeps_the_mean():
    network = make(Subnet(10, (2, 2), (4, 4))).double()
    network.drop_path = 0.5
    x = torch.randn(1, 3, 12, 12, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(network.eval()(x), network(x))
        torch.manual_seed(0)
        logits = network.train()(x.expand(4_000, -1, -1, -1))
        kinds, counts = logits.unique(dim=0, return_counts=True)
        assert len(kinds) == 4  # the first block is always whole; the last has two branches
        assert all(900 < count < 1_100 for count in counts)
        for p in network.blocks[1].parameters():
            p.mul_(1e-6)  # branches so weak that the rest of the network is linear in them
        network.norm = network.norm.eval()
        mean = network(x.expand(4_000, -1, -1, -1)).mean(0)
        torch.testing.assert_close(mean, network.eval()(x)[0], rtol=0, atol=1e-7)


def test_every_parameter_learns():
    network = make(Subnet(10, (2, 3), (4, 3)))
    logits = network(torch.randn(4, 3, 12, 12))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_linear_layers_and_embeddings_start_small():
    network = make(Subnet(64, (4, 4), (4, 4)), head_dim=16)
    for name, parameter in network.named_parameters():
        if "norm" in name or "patch_embed" in name:
            continue
        expected = 0.0 if name.endswith("bias") else 0.02
        assert parameter.std().item() == pytest.approx(expected, rel=0.35), name
        assert parameter.abs().max() < 0.12


def test_bfloat16_autocast_runs():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert make()(torch.randn(2, 3, 12, 12)).isfinite().all()


def test_the_same_seed_builds_the_same_weights():
    first, second = make().state_dict(), make().state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_positions_of_tokens_are_no_weights():
    assert not {"vertical", "horizontal"} & set(make().state_dict())
