"""How good are the answers? Labelled cases, asked of any provider and scored without a model.

:mod:`andon.explain.trials` reads them, :mod:`~andon.explain.trials.questions` makes of each what production would ask,
:mod:`running` asks, :mod:`scoring` judges each criterion, :mod:`results` counts.
"""
