"""How good are the answers? Labelled cases, asked of any provider and scored without a model.

:mod:`~andon.app.evals.cases` reads them, :mod:`~andon.app.evals.questions` makes of each what production would ask,
:mod:`running` asks, :mod:`scoring` judges each criterion, :mod:`results` counts.
"""
