"""How good are the answers? Labelled cases, asked of any provider and scored without a model.

:mod:`~andon.evals.cases` reads them, :mod:`~andon.evals.questions` makes of each what production would ask,
:mod:`~andon.evals.running` asks, :mod:`~andon.evals.scoring` judges each criterion, :mod:`~andon.evals.report` counts.
"""
