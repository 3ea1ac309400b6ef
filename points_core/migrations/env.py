"""Alembic's way in: one connection, handed over by `points_core.migrations.upgrade`."""

from alembic import context

from points_core.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        # Two processes starting together: the second waits here and then finds the work done
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7045230918)")
    context.run_migrations()
