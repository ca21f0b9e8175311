/*
Who is idle, or in no crime, and for how long?

One row a member who did nothing for idle_after_hours, never did anything, or is in no organised crime; the longest
idle come first.

  _account             the account whose key asked
  as_of                when the members were fetched, UTC: all hours are counted up to then
  user_id, member      who
  state                what they are doing, as a word
  last_action_at       when they last did something, UTC; null when the API knows of no action
  idle_hours           hours since then; null when the API knows of no action
  is_idle              idle for at least idle_after_hours, or without any action
  in_no_crime          the API says that they are in no organised crime
  last_crime_ended_at  when the last crime they had a slot in was executed or expired, UTC; null when none is on record
  no_crime_hours       hours since then for those in no crime; null when none is on record

What it cannot know: for how long somebody was in no crime whose last one ended before the first fetch, was left before
its end, or was executed before 15 January 2025, as the API gives these no time; whether somebody looked at the game
without acting; whether they are on holiday. Members and crimes are fetched one after the other: who joins a crime
between the two fetches may be told as in none until the next.
*/
WITH
  setting AS (SELECT 24 AS idle_after_hours),
  members AS (
    SELECT m.*
    FROM faction_members AS m
    JOIN (SELECT _account, MAX(_fetched_at) AS newest FROM faction_members GROUP BY _account) AS n
      ON n._account = m._account AND n.newest = m._fetched_at
  ),
  ended AS (
    SELECT members._account, members.id, MAX(CASE WHEN s.status = 'Expired' THEN s.expired_at ELSE s.executed_at END) AS ended_at
    FROM members
    JOIN faction_crimes_slots AS s ON s._account = members._account AND s.user_id = members.id
    WHERE
      s.status IN ('Successful', 'Failure', 'Expired')
      AND CASE WHEN s.status = 'Expired' THEN s.expired_at ELSE s.executed_at END <= members._fetched_at
    GROUP BY members._account, members.id
  ),
  measured AS (
    -- A difference of instants is so many days, hours, minutes and seconds in every dialect; functions for it differ.
    SELECT
      members.*,
      ended.ended_at,
      EXTRACT(DAY FROM members._fetched_at - last_action_timestamp) * 86400
        + EXTRACT(HOUR FROM members._fetched_at - last_action_timestamp) * 3600
        + EXTRACT(MINUTE FROM members._fetched_at - last_action_timestamp) * 60
        + EXTRACT(SECOND FROM members._fetched_at - last_action_timestamp) AS idle_seconds,
      EXTRACT(DAY FROM members._fetched_at - ended.ended_at) * 86400
        + EXTRACT(HOUR FROM members._fetched_at - ended.ended_at) * 3600
        + EXTRACT(MINUTE FROM members._fetched_at - ended.ended_at) * 60
        + EXTRACT(SECOND FROM members._fetched_at - ended.ended_at) AS no_crime_seconds
    FROM members
    LEFT JOIN ended ON ended._account = members._account AND ended.id = members.id
  ),
  judged AS (
    SELECT measured.*, idle_seconds IS NULL OR idle_seconds >= idle_after_hours * 3600 AS is_idle, NOT is_in_oc AS in_no_crime
    FROM measured CROSS JOIN setting
  )
SELECT
  _account,
  _fetched_at AS as_of,
  id AS user_id,
  name AS member,
  status_state AS state,
  last_action_timestamp AS last_action_at,
  -- Who acts while the fetch is under way has been idle for no time.
  ROUND(CASE WHEN idle_seconds < 0 THEN 0 ELSE idle_seconds END / 3600.0, 2) AS idle_hours,
  is_idle,
  in_no_crime,
  ended_at AS last_crime_ended_at,
  CASE WHEN in_no_crime THEN ROUND(no_crime_seconds / 3600.0, 2) END AS no_crime_hours
FROM judged
WHERE is_idle OR in_no_crime
ORDER BY _account, CASE WHEN last_action_timestamp IS NULL THEN 0 ELSE 1 END, last_action_timestamp, id
