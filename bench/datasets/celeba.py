"""CelebA, aligned faces with 40 attributes, cropped and split as in each of the papers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from bench.core.errors import DataError
from bench.core.registry import dataset
from bench.datasets.celeba_lists import AttributeList, read_attributes, read_partition
from bench.datasets.decoding import Box, Decoder, Fixed
from bench.datasets.layouts import SPLITS, Layout, carve, demand_room, list_files
from bench.datasets.manual import ManualImages

IMAGES, ATTRIBUTE_LIST, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
WIDTH, HEIGHT = 178, 218
ICGAN_ATTRIBUTES = (
    "Bald",
    "Bangs",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Gray_Hair",
    "Heavy_Makeup",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Pale_Skin",
    "Receding_Hairline",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Hat",
)


class Protocol(NamedTuple):
    """Crop, splits and attributes that a paper uses.

    Attributes:
        box: left, top, right, bottom in the aligned image; None for all of it.
        sides: possible sides in pixels after resizing, the default first; 0 leaves the aligned image as it is.
        test_from: "official": the first images of the official test split. "first", "last": of all images.
        test_images: number of test images.
        attributes: names of the attributes; empty for all 40.
    """

    box: Box | None
    sides: tuple[int, ...]
    test_from: Literal["official", "first", "last"]
    test_images: int
    attributes: tuple[str, ...] = ()


PROTOCOLS = {
    "dfi": Protocol((25, 50, 153, 178), (64, 128), "official", 10_000),
    "icgan": Protocol((30, 40, 168, 178), (64,), test_from="last", test_images=19_961, attributes=ICGAN_ATTRIBUTES),
    "creswell": Protocol((0, 20, 178, 198), (64,), "first", 1_000),
    "full": Protocol(None, (0,), "official", 10_000),
}


@dataset("celeba")
@dataclass
class CelebA(ManualImages):
    """CelebA: 202,599 aligned photographs of faces with 40 attributes, cropped and split as in a paper.

    Every split is in the order of the file names. The attributes are all 40 in the order of their list, except for
    the protocol with 18.

    Attributes:
        crop: the protocol.
            "dfi": rows 50-177, columns 25-152, resized to 64 or left at 128 (DFI, section 4, and its code). Official
            splits; the first 10,000 images of the test split.
            "icgan": the square of 138 pixels at x = 30, y = 40, resized to 64; the last 19,961 images are the test
            split, ``val`` is taken from the others; 18 attributes (IcGAN, section 5, and its code).
            "creswell": resized to 64; the first 1,000 images are the test split, ``val`` is taken from the others
            (Creswell and Bharath, section VI). The paper states no crop: this is the largest central square (178
            pixels, rows 20-197), which keeps the proportions of the face.
            "full": the aligned image of 178 x 218, for studies that shift the window of "dfi"; splits of "dfi". The
            cache of the complete set takes 22 GB, mostly for training images: ``train_images`` limits them.
        side: 64 or 128 pixels; 0 is the default of the crop.
        test_images: size of the test split; 0 is the number of the protocol. A reduced copy of the dataset needs
            a smaller number.
        train_images: number of training images, the first ones; 0 uses all.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("celeba", {"crop": "icgan"})
        >>> source.decoder().shape, len(source.protocol.attributes), source.protocol.test_images
        ((3, 64, 64), 18, 19961)
        >>> open_dataset("celeba", {"crop": "dfi", "side": 128}).protocol.box  # left, top, right, bottom
        (25, 50, 153, 178)
    """

    crop: Literal["dfi", "icgan", "creswell", "full"] = "dfi"
    side: Literal[0, 64, 128] = 0
    test_images: int = 0
    train_images: int = 0

    needed = (f"{IMAGES}/", ATTRIBUTE_LIST, PARTITION)
    inner_folders = ("celeba",)
    homepage = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    archives = f"Img/{IMAGES}.zip, Anno/{ATTRIBUTE_LIST} and Eval/{PARTITION}"
    complete: ClassVar[Mapping[str, int]] = {"images": 202_599}

    def __post_init__(self) -> None:
        sides = self.protocol.sides
        if self.side not in (0, *sides):
            given = " or ".join(map(str, sides)) if any(sides) else f"0: the aligned {WIDTH} x {HEIGHT} pixels"
            raise ValueError(f"side = {self.side}: crop = '{self.crop}' has side = {given}")
        if min(self.test_images, self.train_images) < 0:
            raise ValueError("test_images and train_images should be 0 or more")

    @property
    def protocol(self) -> Protocol:
        """The protocol of the chosen crop."""
        return PROTOCOLS[self.crop]

    def rules(self) -> dict[str, Any]:
        """Return the options and the protocol."""
        return super().rules() | {"protocol": self.protocol}

    def list_inputs(self) -> list[str]:
        """Return all images and both lists."""
        return [ATTRIBUTE_LIST, PARTITION, *(f"{IMAGES}/{name}" for name in self._images())]

    def decoder(self) -> Decoder:
        """Return a decoder to RGB of the crop of aligned images."""
        side = self.side or self.protocol.sides[0]
        window = Fixed(WIDTH, HEIGHT, self.protocol.box, "aligned images have")
        return Decoder(side or WIDTH, side or HEIGHT, 3, window)

    def layout(self) -> Layout:
        """Return splits and attributes; both lists must name exactly the images in the folder.

        Raises:
            DataError: a list names other images or is malformed, or there are too few images.
        """
        images = self._images()
        attributes = read_attributes(self.root / ATTRIBUTE_LIST)
        partition = read_partition(self.root / PARTITION)
        for title, listed in ((ATTRIBUTE_LIST, attributes.rows), (PARTITION, partition)):
            self._demand_same(images, title, listed)
        splits = self._official(images, partition) if self.protocol.test_from == "official" else self._ends(images)
        if self.train_images:
            splits["train"] = splits["train"][: self.train_images]
        return self._with_attributes(splits, attributes, len(images))

    def _images(self) -> list[str]:
        return list_files(self.root / IMAGES, f"{self.who}: {IMAGES}", {".jpg"})

    def _demand_same(self, images: Sequence[str], title: str, listed: Collection[str]) -> None:
        present = set(images)
        for name in images:
            if name not in listed:
                raise DataError(f"{self.who}: {title} has no row for '{name}', which is in {IMAGES}")
        for name in listed:
            if name not in present:
                raise DataError(f"{self.who}: {title} names '{name}', which is not in {IMAGES}")

    def _official(self, images: Sequence[str], partition: dict[str, str]) -> dict[str, list[str]]:
        splits = {split: [name for name in images if partition[name] == split] for split in SPLITS}
        wanted = self.test_images or self.protocol.test_images
        enough = {"train": 1, "val": 1, "test": wanted}
        for split, count in enough.items():
            if len(splits[split]) < count:
                hint = "; complete the folder, or set a smaller test_images for a reduced copy"
                raise DataError(
                    f"{self.who}: {len(splits[split])} images in the official {split} split, "
                    f"{count} needed{hint if split == 'test' else ''}"
                )
        splits["test"] = splits["test"][:wanted]
        return splits

    def _ends(self, images: list[str]) -> dict[str, list[str]]:
        wanted = self.test_images or self.protocol.test_images
        demand_room(len(images), wanted, self.who)
        if self.protocol.test_from == "first":
            test, rest = images[:wanted], images[wanted:]
        else:
            test, rest = images[-wanted:], images[:-wanted]
        train, val = carve(rest)
        return {"train": train, "val": val, "test": test}

    def _with_attributes(self, splits: dict[str, list[str]], listed: AttributeList, found: int) -> Layout:
        names = self.protocol.attributes or listed.names
        values = listed.columns(names)
        attributes = {split: values[[listed.rows[name] for name in splits[split]]] for split in SPLITS}
        paths = {split: [f"{IMAGES}/{name}" for name in splits[split]] for split in SPLITS}
        return Layout(paths, attributes=attributes, attribute_names=names, found={"images": found})
