/*
Which organised crimes are late, and who held them up?

One row for each thing that held up a late crime; a late crime of which the tables know nothing has one row without
a reason. Open crimes come first, then the latest.

A crime is late when it was executed, or if it is still open was last seen, more than grace_minutes after ready_at.
Crimes start by themselves, up to about a minute after they are ready, so a few minutes are none. Expired crimes were
never executed and are left out.

  _account      the account whose key asked
  crime_id      the crime
  crime         its name
  status        where it stands: Recruiting and Planning are open
  ready_at      when it could be executed, UTC
  until_at      up to when it is counted as late, UTC: executed_at, or of an open crime the fetch that last saw it
  late_hours    hours between the two
  reason        empty slot    nobody has joined (open crimes)
                item missing  the member lacks the item that the slot asks for
                joined last   of a crime with all slots filled: who joined after all others
                Hospital, Traveling and any other state but Okay: what the member is doing (open crimes)
  slot          the slot by its position's name
  user_id       who is in the slot
  member        the name, while a member
  joined_at     when they joined, UTC
  detail        the missing item's name, or the state as the game puts it

What it cannot know: where somebody was when a crime became ready that is over by now, as faction_members tells only
what is true at its own last fetch; why nobody started a crime that had all it needed; whether the last to join could
have joined earlier. A late joiner moves ready_at itself, so joined last says who made the crime ready so late, and
never that they delayed it after that.
*/
WITH
  setting AS (SELECT 5 AS grace_minutes),
  -- Each crime as the last fetch that saw it has it, whatever the storage mode.
  crimes AS (
    SELECT *
    FROM (
      SELECT c.*, ROW_NUMBER() OVER (PARTITION BY c._account, c.id ORDER BY c._fetched_at DESC, c._fetch_id DESC) AS place
      FROM faction_crimes AS c
    ) AS numbered
    WHERE place = 1
  ),
  measured AS (
    SELECT
      ended.*,
      -- A difference of instants is so many days, hours, minutes and seconds in every dialect; functions for it differ.
      EXTRACT(DAY FROM until_at - ready_at) * 86400 + EXTRACT(HOUR FROM until_at - ready_at) * 3600
        + EXTRACT(MINUTE FROM until_at - ready_at) * 60 + EXTRACT(SECOND FROM until_at - ready_at) AS late_seconds
    FROM (
      SELECT
        crimes.*,
        status IN ('Recruiting', 'Planning') AS is_open,
        CASE
          -- To the second, as the API's own moments are.
          WHEN status IN ('Recruiting', 'Planning')
            THEN _fetched_at - INTERVAL (MOD(EXTRACT(MICROSECOND FROM _fetched_at), 1000000)) MICROSECOND
          ELSE executed_at
        END AS until_at
      FROM crimes
    ) AS ended
  ),
  late AS (
    SELECT measured.*
    FROM measured CROSS JOIN setting
    WHERE late_seconds > grace_minutes * 60 AND status <> 'Expired'
  ),
  members AS (
    SELECT m.*
    FROM faction_members AS m
    JOIN (SELECT _account, MAX(_fetched_at) AS newest FROM faction_members GROUP BY _account) AS n
      ON n._account = m._account AND n.newest = m._fetched_at
  ),
  items AS (SELECT id, name FROM torn_items WHERE _fetched_at = (SELECT MAX(_fetched_at) FROM torn_items)),
  slots AS (
    SELECT
      s._account,
      s.crime_id,
      s._index,
      s.user_id,
      s.user_joined_at,
      s.item_requirement_id,
      s.item_requirement_is_available,
      COALESCE(s.position_info_label, s.position) AS slot,
      late.is_open,
      COUNT(*) OVER crime AS size,
      COUNT(s.user_id) OVER crime AS filled,
      MIN(s.user_joined_at) OVER crime AS first_joined_at,
      MAX(s.user_joined_at) OVER crime AS last_joined_at
    FROM late
    JOIN faction_crimes_slots AS s ON s._account = late._account AND s.crime_id = late.id AND s._fetch_id = late._fetch_id
    WINDOW crime AS (PARTITION BY s._account, s.crime_id)
  ),
  held_up AS (
    SELECT _account, crime_id, _index, 'empty slot' AS reason, CAST(NULL AS STRING) AS detail
    FROM slots
    WHERE user_id IS NULL AND is_open
    UNION ALL
    SELECT slots._account, slots.crime_id, slots._index, 'item missing', items.name
    FROM slots
    LEFT JOIN items ON items.id = slots.item_requirement_id
    WHERE slots.user_id IS NOT NULL AND NOT slots.item_requirement_is_available
    UNION ALL
    SELECT slots._account, slots.crime_id, slots._index, members.status_state, members.status_description
    FROM slots
    JOIN members ON members._account = slots._account AND members.id = slots.user_id
    WHERE slots.is_open AND members.status_state <> 'Okay'
    UNION ALL
    SELECT _account, crime_id, _index, 'joined last', CAST(NULL AS STRING)
    FROM slots
    WHERE filled = size AND user_joined_at = last_joined_at AND last_joined_at > first_joined_at
  )
SELECT
  late._account,
  late.id AS crime_id,
  late.name AS crime,
  late.status,
  late.ready_at,
  late.until_at,
  ROUND(late.late_seconds / 3600.0, 2) AS late_hours,
  held_up.reason,
  slots.slot,
  slots.user_id,
  members.name AS member,
  slots.user_joined_at AS joined_at,
  held_up.detail
FROM late
LEFT JOIN held_up ON held_up._account = late._account AND held_up.crime_id = late.id
LEFT JOIN slots ON slots._account = held_up._account AND slots.crime_id = held_up.crime_id AND slots._index = held_up._index
LEFT JOIN members ON members._account = slots._account AND members.id = slots.user_id
ORDER BY late._account, CASE WHEN late.is_open THEN 0 ELSE 1 END, late.late_seconds DESC, late.id, slots._index, held_up.reason
