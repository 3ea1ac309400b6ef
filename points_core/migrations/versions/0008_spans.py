"""Scores of seasons, buckets of years and seasons, how many stand on each board; scores lie together by member."""

import sqlalchemy as sa
from alembic import op

from points_core.migrations import partitions

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCORE_KEY = ("community_id", "member_id", "span", "start", "category_id")
BUCKET_KEY = ("community_id", "span", "start", "category_id", "level", "bucket")

SEASON, YEAR, LEVELS = 6, 1, 8

_SEASONS = """
    INSERT INTO point_scores (community_id, member_id, span, start, category_id, points, reached_seq)
    SELECT s.community_id, t.member_id, {season}, s.number, {category}, SUM(t.amount), MAX(t.seq)
    FROM seasons s JOIN point_transactions t ON t.community_id = s.community_id
      AND t.effective_at >= s.starts_at AND t.effective_at < s.ends_at
    WHERE {category} IS NOT NULL
    GROUP BY s.community_id, s.number, t.member_id{apart}
"""
_BUCKETS = """
    INSERT INTO score_buckets (community_id, span, start, category_id, level, bucket, members)
    SELECT community_id, span, start, category_id, {level}, points >> {bits}, COUNT(*) FROM point_scores
    WHERE points > 0 AND span {spans} GROUP BY community_id, span, start, category_id, points >> {bits}
"""


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "sqlite":
        _lay_anew_on_sqlite()
    else:
        _lay_anew_on_postgresql()
    for category, apart in (("0", ""), ("t.category_id", ", t.category_id")):
        op.execute(_SEASONS.format(season=SEASON, category=category, apart=apart))
    for level in range(LEVELS - 1):
        op.execute(_BUCKETS.format(level=level, bits=8 * level, spans=f"IN ({YEAR}, {SEASON})"))
    op.execute(_BUCKETS.format(level=LEVELS - 1, bits=8 * (LEVELS - 1), spans="<> 0"))


def _lay_anew_on_sqlite() -> None:
    """A key is part of the table there: the rows move into a new one."""
    op.rename_table("point_scores", "old_scores")
    op.drop_index("ix_point_scores_standing", table_name="old_scores")
    op.create_table(
        "point_scores",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("span", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("reached_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*SCORE_KEY, name=op.f("pk_point_scores")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO point_scores SELECT community_id, member_id, span, start, category_id, points, reached_seq"
        " FROM old_scores ORDER BY community_id, member_id, span, start, category_id"
    )
    op.drop_table("old_scores")
    op.create_index(
        "ix_point_scores_standing",
        "point_scores",
        ["community_id", "span", "start", "category_id", sa.literal_column("points DESC"), "reached_seq"],
        unique=False,
    )
    op.rename_table("score_buckets", "old_buckets")
    op.create_table(
        "score_buckets",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("span", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("members >= 0", name=op.f("ck_score_buckets_members_counted")),
        sa.PrimaryKeyConstraint(*BUCKET_KEY, name=op.f("pk_score_buckets")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO score_buckets SELECT community_id, 0, 0, category_id, level, bucket, members FROM old_buckets"
    )
    op.drop_table("old_buckets")


def _lay_anew_on_postgresql() -> None:
    op.execute("ALTER TABLE point_scores DROP CONSTRAINT pk_point_scores")
    op.create_primary_key("pk_point_scores", "point_scores", list(SCORE_KEY))
    for name, kind in (("span", sa.SmallInteger()), ("start", sa.Integer())):
        op.add_column("score_buckets", sa.Column(name, kind, nullable=False, server_default="0"))
        op.alter_column("score_buckets", name, server_default=None)
    op.execute("ALTER TABLE score_buckets DROP CONSTRAINT pk_score_buckets")
    op.create_primary_key("pk_score_buckets", "score_buckets", list(BUCKET_KEY))
    connection = op.get_bind()
    if partitions.divided(connection):
        partitions.name_parts(connection)
