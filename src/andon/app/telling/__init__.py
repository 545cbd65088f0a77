"""Who is told by themselves, of what: notifications, rules that propose, and what follows a ticket.

It stands beside the page and asks what the page asks: what people are told and what they see is the same.
"""
