"""Crops from folders and from packed files."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from jpegmend.data import pack
from jpegmend.data.clear_pictures import picture_size
from jpegmend.data.pictures import Pictures, Sizes, find_pictures, halved, load_rgb
from jpegmend.data.prepare import wrong_counts
from jpegmend.data.sets import SETS
from jpegmend.errors import InputError, MissingData
from jpegmend.evaluation.measure.sources import pictures as pictures_of_a_set


@pytest.fixture
def folder(tmp_path, photos):
    for number, picture in enumerate(photos.to(torch.uint8)):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / f"{number}.png")
    return tmp_path


def pack_all(folder):
    files = find_pictures([folder])
    pack.write(folder / "all.npy", [(file.name, *picture_size(file)) for file in files], map(load_rgb, files))
    return files


def test_packed_pictures_come_back_as_they_were(folder):
    files = pack_all(folder)
    back = list(pack.read(folder / "all.npy"))
    assert all(torch.equal(picture, load_rgb(file)) for picture, file in zip(back, files, strict=True))
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".npy"] + [".png"] * 4
    a = Pictures.load([folder / "all.npy"]).crops(6, 32, random.Random(1))
    assert torch.equal(a, Pictures.load([folder]).crops(6, 32, random.Random(1)))
    first = np.load(folder / "all.npy")[: 3 * back[0].shape[1] * back[0].shape[2]]
    assert np.array_equal(first.reshape(back[0].shape), np.array(Image.open(files[0])).transpose(2, 0, 1))


def test_pictures_of_16_bits_and_those_that_cannot_be_read(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert torch.equal(load_rgb(tmp_path / "deep.png"), torch.from_numpy(gray).expand(3, 8, 8))
    (tmp_path / "text.png").write_text("no picture")
    for read in (load_rgb, picture_size):
        with pytest.raises(InputError, match=r"text\.png cannot be read"):
            read(tmp_path / "text.png")


def test_a_folder_with_the_suffix_of_a_picture_is_none(folder):
    inside = folder / "roll.jpg"
    inside.mkdir()
    (folder / "0.png").rename(inside / "0.png")
    assert inside not in find_pictures([folder]) and inside / "0.png" in find_pictures([folder])


def test_samples_that_are_no_levels_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "signed.tif", tiffinfo={339: 2})
    for name, kind in (("float", "samples of mode 'F'"), ("signed", "signed 8-bit samples")):
        with pytest.raises(InputError, match=rf"{name}\.tif cannot be read: {kind}"):
            load_rgb(tmp_path / f"{name}.tif")


def test_a_picture_in_memory_may_be_changed_and_the_packed_file_stays(folder):
    pack_all(folder)
    next(pack.read(folder / "all.npy"))[:] = 0
    assert next(pack.read(folder / "all.npy")).any()


def test_a_cut_or_foreign_packed_file_is_refused(folder):
    pack_all(folder)
    path = folder / "all.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(MissingData, match="not a packed set"):
        list(pack.read(path))
    path.write_bytes(b"something else")
    with pytest.raises(MissingData, match="not a packed set"):
        list(pack.read(path))
    path.write_bytes(whole)
    (folder / "all.json").write_text('[["a.png", 8, 8]]')
    with pytest.raises(MissingData, match="192"):
        list(pack.read(path))
    (folder / "all.json").unlink()
    with pytest.raises(MissingData, match="all.json"):
        list(pack.read(path))
    with pytest.raises(MissingData):
        list(pack.read(folder / "none.npy"))


def test_a_broken_off_packing_leaves_nothing(folder):
    def pictures():
        yield load_rgb(folder / "0.png")
        raise KeyboardInterrupt

    index = [("a", *picture_size(folder / "0.png")), ("b", 8, 8)]
    with pytest.raises(KeyboardInterrupt):
        pack.write(folder / "all.npy", index, pictures())
    with pytest.raises(ValueError, match="b: "):
        pack.write(folder / "all.npy", index, [load_rgb(folder / "0.png")] * 2)
    assert {p.suffix for p in folder.iterdir()} == {".png"}


def test_crops_are_cut_turned_and_flipped_from_the_picture():
    picture = torch.arange(3 * 20 * 24).reshape(3, 20, 24).to(torch.uint8)
    crops = Pictures([picture]).crops(40, 16, random.Random(0))
    assert crops.shape == (40, 3, 16, 16)
    assert len({bytes(crop.numpy().tobytes()) for crop in crops}) > 20
    windows = {bytes(picture[:, t : t + 16, s : s + 16].contiguous().numpy()) for t in range(5) for s in range(9)}
    for crop in crops:
        turned = [torch.rot90(c, k, (1, 2)).contiguous() for c in (crop, crop.flip(2)) for k in range(4)]
        assert any(bytes(t.numpy()) in windows for t in turned)


def test_shares_decide_how_often_a_source_is_drawn(tmp_path):
    for name, value, side in (("a", 0, 64), ("b", 255, 32)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (side, side), (value,) * 3).save(tmp_path / name / "x.png")
    pictures = Pictures.load([tmp_path / "a", tmp_path / "b"], shares=[0.1, 0.9])
    share = pictures.crops(400, 16, random.Random(0)).float().mean() / 255
    assert 0.85 < share < 0.95
    by_size = Pictures.load([tmp_path / "a", tmp_path / "b"]).crops(400, 16, random.Random(0)).float().mean() / 255
    assert 0.15 < by_size < 0.25


def test_large_pictures_are_also_used_at_half_their_size(folder):
    pictures = Pictures.load([folder], sizes=Sizes(96 * 128 - 1))
    assert [tuple(t.shape[1:]) for t in pictures.tensors] == [(96, 128), (48, 64)] * 4
    assert int(halved(torch.tensor([10, 20, 30, 41] * 3, dtype=torch.uint8).reshape(3, 2, 2))[0, 0, 0]) == 25


def test_halving_goes_on_and_sizes_are_drawn_alike(folder):
    sizes = Sizes(halve_above=1000, halvings=2, even=True)
    pictures = Pictures.load([folder], sizes=sizes)
    assert [tuple(t.shape[1:]) for t in pictures.tensors] == [(96, 128), (48, 64), (24, 32)] * 4
    assert pictures.weights == [96 * 128 / 3] * 12
    assert len(Sizes(halve_above=48 * 64, halvings=9).of(pictures.tensors[0])) == 2


def test_of_several_places_the_one_with_most_detail_is_taken(tmp_path):
    half = np.full((64, 128, 3), 128, np.uint8)
    half[:, 64:] = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    Image.fromarray(half).save(tmp_path / "half.png")
    flat = []
    for candidates in (1, 8):
        crops = Pictures.load([tmp_path], candidates=candidates).crops(64, 32, random.Random(0))
        flat.append(sum(int(crop.float().std() == 0) for crop in crops))
    assert flat[0] > 10 > flat[1]


@pytest.mark.parametrize("candidates", [1, 4])
def test_shares_hold_whatever_the_detail_and_the_sizes_of_a_source(tmp_path, candidates):
    """The first source has noise, and a picture that is too small for the crops."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    pictures = {"noise/a": noise[:32], "noise/b": noise[:15], "even/a": np.full_like(noise, 128)}
    for name, picture in pictures.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    sources = [tmp_path / "noise", tmp_path / "even"]
    crops = Pictures.load(sources, shares=[0.2, 0.8], candidates=candidates).crops(1000, 16, random.Random(0))
    assert 0.17 < (crops.float().std((1, 2, 3)) > 0).float().mean() < 0.23


def test_candidates_are_of_several_pictures_of_a_source(tmp_path):
    """The picture with detail is a small part of its source."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "even.png")
    for candidates, low, high in ((1, 0.15, 0.25), (3, 0.44, 0.54)):  # 1/5, and 1 - (4/5)^3
        crops = Pictures.load([tmp_path], candidates=candidates).crops(1000, 16, random.Random(0))
        assert low < (crops.float().std((1, 2, 3)) > 0).float().mean() < high


def test_hidden_files_are_no_pictures(tmp_path):
    """macOS writes them beside each file on disks of other systems."""
    place = tmp_path / "Classic5"
    (place / ".thumbs").mkdir(parents=True)
    for name in ("a.png", "._a.png", ".thumbs/b.png"):
        (place / name).write_bytes(b"")
    assert find_pictures([place]) == pictures_of_a_set(place) == [place / "a.png"]
    assert wrong_counts(SETS["Classic5"], place) == ["1 pictures in the set, 5 expected"]


def test_nothing_to_train_on_is_said(tmp_path, folder):
    with pytest.raises(MissingData, match="no pictures"):
        find_pictures([tmp_path / "none"])
    with pytest.raises(MissingData, match="at least 512"):
        Pictures.load([folder]).crops(1, 512, random.Random(0))


def test_without_flips_crops_are_cut_as_they_lie(folder):
    plain = Pictures.load([folder], flips=False)
    whole = torch.stack([load_rgb(path) for path in find_pictures([folder])])
    places = whole.unfold(2, 24, 1).unfold(3, 24, 1)
    for crop in plain.crops(6, 24, random.Random(0)):
        assert (places == crop[:, None, None]).all((1, 4, 5)).any()
    turned = Pictures.load([folder]).crops(6, 24, random.Random(0))
    assert not all((places == crop[:, None, None]).all((1, 4, 5)).any() for crop in turned)
