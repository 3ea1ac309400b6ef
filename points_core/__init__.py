"""The points core: true without Discord; never imports discord or bot.

ways in        api (programs) · cli (operators) · http (programs elsewhere)
decisions      rules (what moves points by itself) · approvals (who must agree) · schedules (what is due now) ·
               expiry (points that time takes, and who is told before)
consequences   awards (one movement, and how to take it back) · clients (who may use the HTTP API) · exports · imports ·
               reports (what points say together) · privacy (what is kept of a person)
batches        bulk (many movements as one, and one undo)
reads          leaderboard · paging · history · verification
keepsakes      achievements (levels, badges, the roles that come of them)
books          ledger (the only writer of transactions and balances) · seasons (sealed results) ·
               webhooks (whom to tell what happened, and how) · announcements (which messages told of a movement) ·
               links (accounts outside where points are shown) ·
               sums (points in any window, at any date) · policy · scores · levels · communities · audit · outbox ·
               active_days (when members were here) · duties (what time does, and how far it has come)
ground         database (the seam: write and read) · listening (to other processes) · replica · migrations · writer ·
               engines · adding · asides · changes · constraints · moments · statements · prepared · models ·
               settings · shards · programme · streaks · process · given · windows · values · errors

Imports run downward only; rooms on one floor do not import each other.
"""
