"""What leaves the house: proposals, their approval, the outbox that sends them, and the systems they go to.

An *order* (:mod:`andon.core.models.actions`) is checked and rendered (``proposals.py``), stored, approved as it is
rendered, and sent by the outbox (``outbox.py``) through a connector (``connectors/``).
"""
