from pathlib import Path

import pytest
from tests.evaluation.made_up import mean, result

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.papers import comparison, published, tables
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.report import markdown, paper_tables
from jpegmend.training.recipe_checks import read_recipe


def line_of(lines, method, data_set="Classic5", quality="10"):
    (found,) = [x for x in lines if (x.row.method, x.row.data_set, x.row.quality) == (method, data_set, quality)]
    return found


@pytest.mark.parametrize("name", [*tables.TABLES, *tables.FIGURES])
def test_every_table_can_be_shown_without_a_single_result(name):
    text = paper_tables.show(name, [])
    assert text.startswith("# ") and ("| " in text or "Missing" in text)


def test_a_difference_stands_only_where_the_metric_is_the_same():
    lines = comparison.lines(tables.TABLES["mdu:I"], [result(mean(), mean("mdu", psnr=29.0))])
    jpeg, mdu = line_of(lines, "JPEG"), line_of(lines, "MDU")
    assert jpeg.cell("psnr") == ("27.82", "27.50", "-0.32")
    assert jpeg.cell("ssim") == ("0.7595", "0.7500", "-0.0095")
    assert mdu.cell("psnr") == ("29.95", "29.00", "-0.95")
    assert mdu.cell("ssim") == ("0.8343", "0.7500", "not comparable")
    assert mdu.cell("psnr_b")[2] == "-4.61"
    assert line_of(lines, "DnCNN").cell("psnr") == ("29.40", "", "")


def test_a_part_of_a_set_has_no_difference():
    """A folder LIVE1 with a few of its 29 pictures, for a quick look: their mean is another."""
    table = tables.TABLES["mdu:I"]
    part, whole = (
        comparison.lines(table, [result(mean("mdu", "LIVE1", psnr=29.0, pictures=n), mean("mend-s", "LIVE1"))])
        for n in (3, 29)
    )
    assert line_of(part, "MDU", "LIVE1").cell("psnr") == ("29.61", "29.00", "not comparable")
    assert line_of(part, "MDU", "LIVE1").remark.startswith("the set has 29 pictures, ours 3")
    assert line_of(whole, "MDU", "LIVE1").cell("psnr")[2] == "-0.61"
    assert "pictures" not in line_of(whole, "MDU", "LIVE1").remark
    assert line_of(whole, "mend-s", "LIVE1").remark == "not in the paper; the set has 29 pictures, ours 5"


def test_rows_say_why_there_is_none_of_ours():
    lines = comparison.lines(tables.TABLES["dual:1"], [])
    assert line_of(lines, "DnCNN", "Twitter", "").remark.startswith("needs the pairs of Twitter")
    assert "weights not trained: dual" in line_of(lines, "Dual").remark
    assert "no network here is called TNRD" in line_of(lines, "TNRD").remark
    text = paper_tables.show("dual:1", [])
    assert "Google Drive" in text and "--pairs WeChat/originals" in text


def test_pairs_fill_the_rows_of_twitter():
    pairs = result(mean("jpeg", "twitter", "file", 26.5), mean("dncnn", "twitter", "file", 27.0), protocol="pairs")
    lines = comparison.lines(tables.TABLES["mdu:II"], [pairs])
    assert line_of(lines, "Inputs", "Twitter", "").cell("psnr")[1:] == ("26.50", "not comparable")
    assert line_of(lines, "DnCNN", "Twitter", "").ours.scores["psnr"] == 27.0
    assert "protocol pairs (as found)" in paper_tables.show("mdu:II", [pairs])
    assert "protocol pairs" not in paper_tables.show("mdu:I", [pairs])


def test_cqrs_ablation_is_measured_on_named_stand_ins():
    assert tables.needed(tables.TABLES["cqr:1"])[1:] == (["bsds500", "bsds500-val"], [(10,), (20,), (30,)])
    ours = result(mean("cqr", "bsds500", psnr=29.0), mean("cqr", "bsds500-val", psnr=28.9), mean("x", "bsds500-val"))
    found = [x for x in comparison.lines(tables.TABLES["cqr:1"], [ours]) if x.model == "cqr" and x.row.quality == "10"]
    assert [(x.ours.scores["psnr"], x.remark.split(";")[0]) for x in found] == [
        (29.0, "ours on bsds500, 5 pictures"),
        (28.9, "ours on bsds500-val, 5 pictures"),
    ]
    assert found[0].cell("psnr")[2] == "not comparable"
    text = paper_tables.show("cqr:1", [ours])
    assert "not in the paper; ours on bsds500-val, 5 pictures" in text and "which pictures is not known" in text


def test_networks_that_qgcn_trained_anew_are_not_ours_for_other_qualities():
    gray = {row.method: model_of(row) for row in tables.printed(tables.TABLES["qgcn:III"])}
    assert gray["AR-CNN"] == "qgcn-arcnn-gray" and gray["DnCNN-3"] == "qgcn-dncnn-gray" and gray["QGCN"] == "qgcn-gray"
    colour = {row.method: model_of(row) for row in tables.printed(tables.TABLES["qgcn:II"])}
    assert colour == {"JPEG": "jpeg", "AR-CNN": "qgcn-arcnn", "EDSR": "edsr", "QCN": "qcn", "QGCN": "qgcn"}


def test_models_of_ours_stand_below_the_papers():
    lines = comparison.lines(tables.TABLES["mdu:I"], [result(mean("mend-s", psnr=29.4))])
    ours = line_of(lines, "mend-s")
    assert ours.cell("psnr") == ("", "29.40", "") and ours.remark == "not in the paper"


def test_results_of_other_protocols_and_projected_rows_do_not_enter():
    other = result(mean(psnr=20.0), protocol="full-gray")
    projected = result(mean("mdu", psnr=30.0, consistent=True))
    lines = comparison.lines(tables.TABLES["mdu:I"], [other, projected])
    assert line_of(lines, "JPEG").ours is None and line_of(lines, "MDU").ours is None


def test_variants_are_other_weights_than_the_papers_own_network():
    names = {(r.table, r.variant): model_of(r) for t in tables.TABLES.values() for r in tables.printed(t)}
    assert names["VI", "ResNet depth 10"] == "mdu"
    assert names["VI", "ResNet depth 4"] == "mdu-depth-4"
    assert names["3", "without dilation"] == "dcsc-without-dilation" and names["3", "with dilation"] == "dcsc"
    assert names["XII", "MAE + BCE"] == "mdu-mae-bce" and names["XII", "MAE"] == "mdu"


def recipes_by_name():
    paths = (Path(__file__).parents[3] / "recipes").rglob("*.toml")
    return {recipe.name: recipe for recipe in map(read_recipe, paths)}


def test_rows_of_other_training_are_other_weights():
    """Table 4 of DCSC is the paper's training, not that of dcsc-32; QGCN's table III trained AR-CNN and DnCNN again."""
    names = {(r.paper, r.table, r.method, r.variant): model_of(r) for r in published.rows()}
    smallest = names["dcsc", "4", "DCSC", "iterations 40, filters 32"]
    assert smallest == "dcsc-iterations-40-filters-32"
    recipes = recipes_by_name()
    assert recipes[smallest].phases == recipes["dcsc"].phases
    for method in ("AR-CNN", "DnCNN-3"):
        assert recipes[names["qgcn", "III", method, ""]].degradation.qualities == ((1, 60, 1.0),)
    assert names["mdu", "I", "ARCNN", ""] == "arcnn"


def test_figure_8_has_8_to_64_blocks_in_each_group():
    recipes = recipes_by_name()
    built = [recipes[name].build_config() for name in tables.FIGURES["qgcn:fig8"].models]
    assert [config.blocks // 2 for config in built] == [8, 16, 32, 64]
    for network in ("edsr", "qcn"):
        own = [recipes[f"qgcn-{network}-blocks-{n}"].build_config().blocks // 2 for n in (8, 16, 32, 64)]
        assert own == [8, 16, 32, 64]


def test_what_a_table_needs_is_listed():
    models, sets, qualities = tables.needed(tables.TABLES["mdu:III"])
    assert models[0] == "jpeg" and sets == ["bsds500-val"] and qualities == [(5,), (50,)]


def test_an_unknown_table_lists_the_names():
    with pytest.raises(InvalidOption, match="dcsc:errata"):
        tables.find("dcsc:9")


def test_unlike_results_are_refused_by_every_table():
    from jpegmend.errors import NotComparable

    for make in (markdown.scores_table, markdown.gains_table):
        with pytest.raises(NotComparable):
            make([result(mean()), result(mean(), protocol="rgb-420")])


def test_the_later_of_two_results_counts():
    text = markdown.gains_table([result(mean(psnr=1.0)), result(mean(psnr=27.82))])
    assert "27.82" in text and "1.00" not in text


def test_what_was_measured_last_decides_the_encoder():
    stored, measured = (result(mean(psnr=psnr), encoder=f"Pillow {psnr}") for psnr in (27.8, 27.6))
    assert comparison.fitting("papers-gray", [stored, measured]) == [measured]
    lines = comparison.lines(tables.TABLES["mdu:I"], [stored, measured])
    assert line_of(lines, "JPEG").cell("psnr")[1] == "27.60"


def test_figure_9_has_a_table_for_each_resolution():
    whole = result(mean("jpeg", "LIVE1", "10", 25.7), protocol="qgcn-rgb")
    ninth = result(mean("jpeg", "LIVE1", "10", 24.1), mean("qgcn", "LIVE1", "10", 25.9), protocol="qgcn-rgb-ninth")
    text = paper_tables.show("qgcn:fig9", [whole, ninth])
    assert "By qgcn-rgb-ninth:\n\n| set | model | quality 10 |" in text and "25.90" in text and "25.70" not in text
    assert "weights not trained: edsr" in text and "trained: qgcn" not in text


def test_every_row_of_ours_has_a_recipe():
    recipes = set(recipes_by_name())
    wanted = {model_of(row) for row in published.rows()} - {None, "jpeg"}
    wanted |= {name for figure in tables.FIGURES.values() for name in figure.models}
    assert len(wanted) > 80
    assert wanted <= recipes
