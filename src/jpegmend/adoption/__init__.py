"""Networks of others: their interface found by trial, their receptive field measured, a card written for both.

``measured_card`` makes the card of a file; ``adopt`` also puts both into the user's catalogue.
"""

from jpegmend.adoption.adopt import Given, adopt, describe, measured_card

__all__ = ["Given", "adopt", "describe", "measured_card"]
