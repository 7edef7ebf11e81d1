"""What can go wrong between us and the upstream, by what it proves; the transport's errors end here."""


class UpstreamFault(Exception):
    """No usable answer came back.

    Attributes:
        is_silence: whether the upstream said nothing at all.
        outcome: what its calls are counted as.
    """

    is_silence = True
    outcome = "fault"


class NotSentError(UpstreamFault):
    """The request cannot have been acted upon: no connection, no TLS, no free place in the pool."""


class CutShortError(NotSentError):
    """The connection ended before the whole request was handed over: nobody can act upon a part of it."""

    is_silence = False


class NoAnswerError(UpstreamFault):
    """The request was sent, or may have been; whether it was acted upon is not known."""


class AnswerTooLargeError(UpstreamFault):
    """The answer is larger than it may be and was not read to its end."""

    is_silence = False


class NoRoomError(UpstreamFault):
    """This process had no room for the answer and did not read it; it says nothing about the upstream."""

    is_silence = False
    outcome = "no_room"
