"""The conditional GAN of icgan: a class or attributes are an input of both networks, at a chosen layer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from bench.core.errors import NotApplicable
from bench.core.registry import gan
from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Shape
from bench.gans.condition_prior import ConditionPrior
from bench.gans.conditional_networks import draw_weights, make_discriminator, make_generator
from bench.gans.dcgan import filters
from bench.gans.monitor import TrainingMonitor
from bench.gans.networks import channels_last, check_shape
from bench.gans.objectives.matching_aware import MatchingAware
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig
from bench.gans.training import Trainer

SIDES = (28, 32, 64)
DEEPEST = 4
"""The last layer after which a condition can be concatenated, at 64 pixels; 3 at 28 and 32."""


@gan("cgan")
@dataclass
class CGAN(GanConfig):
    """Conditional DCGAN with 4x4 kernels and a matching-aware loss (icgan), for 28, 32 and 64 pixels, grey or colour.

    At 28 and 32 pixels both networks have one stage fewer; at 28 the generator's 8 x 8 map is cropped to 7 x 7, and
    the discriminator's last map is 3 x 3. Weights start from N(0, .02), as in the authors' code. A condition is a
    one-hot class, or a row of attributes as 0 and 1 (the authors' code has -1 and 1). A code is z followed by y.

    Attributes:
        code_dim: numbers in z; a code consists of z and the condition.
        width: filters of the discriminator's first convolution; each later one has twice as many.
        condition: annotation of the training images that is the condition, "labels" or "attributes".
        conditions: numbers in a condition; 0 for as many as the training images have classes or attributes.
        generator_layer: layer of the generator after which y is concatenated; 0 for its input.
        discriminator_layer: layer of the discriminator after which y is concatenated; 0 for its input.

    Example:
        >>> import torch
        >>> from bench.gans.conditional import CGAN
        >>> gan = CGAN(code_dim=8, width=4, conditions=10).build((1, 28, 28), "cpu").freeze()
        >>> codes = gan.prior.sample(3, torch.Generator().manual_seed(0))
        >>> codes.shape, gan.decode(codes).shape
        (torch.Size([3, 18]), torch.Size([3, 1, 28, 28]))
        >>> gan.prior.conditions_of(codes).sum(1)
        tensor([1., 1., 1.])
    """

    code_dim: int = 100
    prior: PriorName = "normal"
    batch: int = 64
    width: int = 64
    condition: Literal["labels", "attributes"] = "labels"
    conditions: int = 0
    generator_layer: int = 0
    discriminator_layer: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or self.conditions < 0:
            raise ValueError(f"width = {self.width} and conditions = {self.conditions} must be at least 1 and 0")
        for option in ("generator_layer", "discriminator_layer"):
            if not 0 <= getattr(self, option) <= DEEPEST:
                raise ValueError(f"{option} = {getattr(self, option)} must be 0 (the input) to {DEEPEST}")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return untrained networks, with a prior whose table training sets; see ``GanConfig.build``.

        Raises:
            NotApplicable: as there, or there is no such layer at this size, or ``conditions`` is 0.
        """
        check_shape(self.registered_name, image_shape, SIDES)
        deepest = len(filters(image_shape[1], self.width))
        for option in ("generator_layer", "discriminator_layer"):
            if getattr(self, option) > deepest:
                place = f"{option} = {getattr(self, option)}"
                raise NotApplicable(f"cgan with {place}: at {image_shape[1]} pixels layers are 0 to {deepest}")
        if not self.conditions:
            raise NotApplicable("cgan needs conditions, the number of classes or attributes, to be built untrained")
        prior = ConditionPrior(make_prior(self.prior, self.code_dim), self.conditions)
        generator = make_generator(
            image_shape, self.code_dim, conditions=self.conditions, width=self.width, layer=self.generator_layer
        )
        discriminator = make_discriminator(image_shape, self.conditions, self.width, self.discriminator_layer)
        for network in (generator, discriminator):
            network.apply(draw_weights)
        return channels_last(
            Gan(generator, discriminator, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(
                device
            )
        )

    def suited(self, images: Images) -> CGAN:
        """Return this recipe with the number of classes or attributes of the images; see ``GanConfig.suited``."""
        values = self.values(images)
        if len(values.unique(dim=0)) < 2:
            raise NotApplicable(
                f"cgan: all training images have the same {self.condition}; at least two values are required"
            )
        if self.condition == "attributes":
            found, fits = values.shape[1], self.conditions == values.shape[1]
        else:
            found, fits = int(values.max()) + 1, self.conditions > int(values.max())
        if self.conditions and not fits:
            raise NotApplicable(
                f"cgan: conditions = {self.conditions}, but the training images' {self.condition} require {found}"
            )
        return dataclasses.replace(self, conditions=self.conditions or found)

    def values(self, images: Images) -> Tensor:
        """Return labels ``[N]`` int64 or attributes ``[N, A]`` bool of the images.

        Raises:
            NotApplicable: the images have none.
        """
        values = images.labels if self.condition == "labels" else images.attributes
        if values is None:
            raise NotApplicable(f"cgan needs {self.condition}, which the training images do not have")
        return values

    def encoded(self, values: Tensor) -> Tensor:
        """Return conditions ``[B, y]`` float32, 0 and 1, of labels ``[B]`` or attributes ``[B, A]``."""
        return (one_hot(values, self.conditions) if self.condition == "labels" else values).float()

    def objective(self) -> MatchingAware:
        """Return the cross-entropy with mismatched conditions."""
        return MatchingAware()

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Set the prior to the images' conditions and their frequencies, then train; see ``GanConfig.train``."""
        distinct, counts = self.values(images).unique(dim=0, return_counts=True)
        gan.prior.load_state({"rows": self.encoded(distinct), "probabilities": counts / len(images)})
        ConditionalTrainer(gan, self, images=images, run=run, monitor=monitor).train()


class ConditionalTrainer(Trainer):
    """A trainer that passes the conditions of each batch to its matching-aware objective."""

    recipe: CGAN
    objective: MatchingAware

    def __init__(
        self, gan: Gan, recipe: CGAN, images: Images, run: RunContext, monitor: TrainingMonitor | None = None
    ) -> None:
        super().__init__(gan, recipe, images=images, run=run, monitor=monitor)
        assert isinstance(gan.prior, ConditionPrior)
        self.table = gan.prior
        self.values = recipe.values(images)

    def draw_codes(self) -> Tensor:
        """See ``Trainer.draw_codes``; their conditions are passed to the objective."""
        codes = super().draw_codes()
        self.objective.drawn = self.table.split(codes)[1]
        return codes

    def draw_rows(self) -> Tensor:
        """See ``Trainer.draw_rows``; right and wrong conditions of these images are passed to the objective."""
        rows = super().draw_rows()
        self.objective.right = self.recipe.encoded(self.values[rows])
        self.objective.wrong = self.draw_wrong(self.values[rows])
        return rows

    def draw_wrong(self, values: Tensor) -> Tensor:
        """Draw conditions ``[B, y]`` that differ from these labels or attributes, image by image.

        For labels, every other class is equally likely; attributes are those of a training image with others.
        """
        if self.recipe.condition == "attributes":
            return self.table.sample_other(self.recipe.encoded(values), self.run.rng)
        classes = self.recipe.conditions
        shift = torch.randint(1, classes, values.shape, generator=self.run.rng, device=values.device)
        return self.recipe.encoded((values + shift) % classes)
