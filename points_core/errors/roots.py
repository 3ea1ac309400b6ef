"""What every error of the points core is: an expected no, or something wrong on our side."""


class PointsError(Exception):
    """Anything the points core raises on purpose."""

    def __str__(self) -> str:
        return repr(self)


class Refused(PointsError):
    """An expected no; nothing was written."""


class Fault(PointsError):
    """Something wrong on our side; nothing was written."""
