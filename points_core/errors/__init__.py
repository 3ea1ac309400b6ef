"""Every way the points core says no.

PointsError
├── Refused                  an expected no: the person can do something about it
│   ├── InvalidAmount        not a whole number, or outside the community's minimum and maximum
│   ├── InvalidText          a reason, link, name or id that cannot be stored or shown
│   ├── InvalidTime          not a date or time, or not one that makes sense here
│   ├── InvalidSetting       a policy or schedule value that cannot be
│   ├── InsufficientBalance  the balance would fall below its floor
│   ├── BalanceOutOfRange    the balance would leave what can be counted exactly
│   ├── DuplicateTransaction the same idempotency key with another request
│   ├── LooksRepeated        the same person asked for the same movement a moment ago
│   ├── LimitExceeded        a giver's daily limit
│   ├── SelfAward            giver and receiver are one person
│   ├── NotAllowed           the person lacks the capability
│   ├── UnknownCategory · UnknownTransaction · UnknownRequest · UnknownSchedule · UnknownSeason · UnknownClient
│   ├── UnknownBadge · UnknownRule · UnknownWebhook · UnknownDelivery   none of that number (that could be told)
│   ├── RuleRetired · RuleMode   a rule that is out of use for good; a step it cannot take from where it stands
│   ├── UnknownMember        nothing is kept about that person here
│   ├── NoWish               no wish to be erased waits
│   ├── AlreadyReversed · NotReversible   taken back at most once; a reversal not at all
│   ├── RequestClosed        the approval request is already decided
│   ├── OwnRequest · AlreadyVoted   the requester or the receiver tried to vote; one moderator, one vote
│   ├── UnknownBatch · BatchUndone · BatchNotUndoable   a batch is undone as a unit, at most once
│   ├── RowsRefused          rows of a batch that cannot be; none of them was written
│   ├── UnreadableFile       a file that is not what it should be
│   ├── ExportTooLarge       an export larger than what can be handed over here
│   ├── BackupDamaged        the backup is not what its manifest says
│   └── BehindAnchor         the backup ends before what was already shown outside
└── Fault                    something wrong on our side
    ├── DatabaseUnavailable  locked, full, gone or unreachable
    ├── LedgerCorrupt        the books contradict themselves
    ├── BooksClosed          the community's books failed their verification and take nothing new
    ├── BackupFailed         no backup or restore point could be made, or not put back
    └── SettingsInvalid      the process's environment cannot be used

Errors carry fields, not sentences: words and HTTP statuses live at the borders.
"""

from points_core.errors.faults import (
    BackupFailed,
    BooksClosed,
    DatabaseUnavailable,
    LedgerCorrupt,
    SettingsInvalid,
)
from points_core.errors.files import (
    BackupDamaged,
    BehindAnchor,
    ExportTooLarge,
    RowRefused,
    RowsRefused,
    UnreadableFile,
)
from points_core.errors.movements import (
    AlreadyReversed,
    AlreadyVoted,
    BalanceOutOfRange,
    BatchNotUndoable,
    BatchUndone,
    DuplicateTransaction,
    InsufficientBalance,
    LimitExceeded,
    LooksRepeated,
    NotAllowed,
    NotReversible,
    NoWish,
    OwnRequest,
    RequestClosed,
    RuleMode,
    RuleRetired,
    SelfAward,
)
from points_core.errors.roots import Fault, PointsError, Refused
from points_core.errors.unknown import (
    UnknownBadge,
    UnknownBatch,
    UnknownCategory,
    UnknownClient,
    UnknownDelivery,
    UnknownMember,
    UnknownRequest,
    UnknownRule,
    UnknownSchedule,
    UnknownSeason,
    UnknownTransaction,
    UnknownWebhook,
)
from points_core.errors.values import InvalidAmount, InvalidSetting, InvalidText, InvalidTime

__all__ = [
    "AlreadyReversed",
    "AlreadyVoted",
    "BackupDamaged",
    "BackupFailed",
    "BalanceOutOfRange",
    "BatchNotUndoable",
    "BatchUndone",
    "BehindAnchor",
    "BooksClosed",
    "DatabaseUnavailable",
    "DuplicateTransaction",
    "ExportTooLarge",
    "Fault",
    "InsufficientBalance",
    "InvalidAmount",
    "InvalidSetting",
    "InvalidText",
    "InvalidTime",
    "LedgerCorrupt",
    "LimitExceeded",
    "LooksRepeated",
    "NoWish",
    "NotAllowed",
    "NotReversible",
    "OwnRequest",
    "PointsError",
    "Refused",
    "RequestClosed",
    "RowRefused",
    "RowsRefused",
    "RuleMode",
    "RuleRetired",
    "SelfAward",
    "SettingsInvalid",
    "UnknownBadge",
    "UnknownBatch",
    "UnknownCategory",
    "UnknownClient",
    "UnknownDelivery",
    "UnknownMember",
    "UnknownRequest",
    "UnknownRule",
    "UnknownSchedule",
    "UnknownSeason",
    "UnknownTransaction",
    "UnknownWebhook",
    "UnreadableFile",
]
