"""New names of modules and classes that plug-ins import, for messages about imports of the old ones."""

MOVED = {
    "bench.Pairs": "bench.EvalBatch",
    "bench.applications.base.Strip": "bench.applications.base.ImageRow",
    "bench.applications.request.Request": "bench.applications.request.ApplicationRequest",
    "bench.applications.subject.Subject": "bench.applications.subject.InversionSession",
    "bench.check": "bench.harness.method_check",
    "bench.contracts": "bench.core.types",
    "bench.core.run_context.Run": "bench.core.run_context.RunContext",
    "bench.core.types.Choice": "bench.core.types.ComponentSpec",
    "bench.core.types.FeatureNetwork": "bench.core.types.FeatureExtractor",
    "bench.core.types.Pairs": "bench.core.types.EvalBatch",
    "bench.datasets.source.Source": "bench.datasets.source.GuardedSource",
    "bench.errors": "bench.core.errors",
    "bench.files": "bench.core.files",
    "bench.gans.ali.judge_loss": "bench.gans.ali.joint_discriminator_loss",
    "bench.gans.ali.makers_loss": "bench.gans.ali.generator_encoder_loss",
    "bench.gans.features.Eye": "bench.gans.features.LayeredNetwork",
    "bench.gans.features.View": "bench.gans.features.FeaturePyramid",
    "bench.gans.latent_spaces.View": "bench.gans.latent_spaces.LatentSpaceView",
    "bench.gans.latent_spaces.seen": "bench.gans.latent_spaces.in_latent_space",
    "bench.gans.monitor.Watch": "bench.gans.monitor.TrainingMonitor",
    "bench.gans.optimisers": "bench.gans.optimizers",
    "bench.gans.recipe.Recipe": "bench.gans.recipe.GanConfig",
    "bench.gans.regularisers": "bench.gans.regularizers",
    "bench.gans.views": "bench.gans.latent_spaces",
    "bench.gans.watch": "bench.gans.monitor",
    "bench.gans.weights_view": "bench.gans.latent_spaces",
    "bench.loop": "bench.core.run_context",
    "bench.metrics.sets": "bench.metrics.feature_sets",
    "bench.options": "bench.core.options",
    "bench.registry": "bench.core.registry",
    "bench.settings": "bench.core.paths",
    "bench.studies.base.Request": "bench.studies.base.StudyRequest",
    "methods.quasi_newton": "methods.lbfgs",
    "methods.search": "methods.gradient_descent",
    "methods.support": "methods.latent_bounds",
}
"""Old name -> new name of what plug-ins import; errors about the old name state the new one."""
FACED = ("bench.core.errors", "bench.core.registry", "bench.core.types")
"""Modules whose names ``bench`` exports for plug-ins."""


def new_place(name: str) -> str:
    """Return the end of a message about a missing module: its new name; empty if there is none."""
    old = next((old for old in MOVED if f"{name}.".startswith(f"{old}.")), None)
    if old is None:
        return ""
    face = "; plug-ins import what they need from bench" if MOVED[old] in FACED else ""
    return f"; {old} is {MOVED[old]} now{face}"
