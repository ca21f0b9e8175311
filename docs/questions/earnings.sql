/*
Earnings by payout date: faction and participants, and what is unpaid

One row a day on which crimes were paid out, the newest first; before them one row without a date for what is not paid.

  _account            the account whose key asked
  payout_date         the day of the payout, UTC; null: not paid out
  crimes              successful crimes that brought money or items, or were paid out
  money               what they earned, $
  participants        the share of that which all participants had together, $: payout_percentage of each crime's money
  faction             what was left to the faction, $
  unpaid              money of crimes that are not paid out, $
  items               items that they earned, pieces
  items_market_value  what these would cost at the market prices of the last fetch, $

What it cannot know: payouts made by hand, which the API does not tell of: such a crime stays unpaid for ever; to which
cent the game rounds each member's part: participants is rounded to whole $ a crime; how items were shared out, or what
they cost on the day. Until a crime is paid the shares are not settled, so the row of the unpaid has none. Successful
crimes that earned nothing and were never paid out are left out.
*/
WITH
  -- Each crime as the last fetch that saw it has it, whatever the storage mode.
  crimes AS (
    SELECT *
    FROM (
      SELECT c.*, ROW_NUMBER() OVER (PARTITION BY c._account, c.id ORDER BY c._fetched_at DESC, c._fetch_id DESC) AS place
      FROM faction_crimes AS c
    ) AS numbered
    WHERE place = 1 AND status = 'Successful'
  ),
  prices AS (SELECT id, value_market_price FROM torn_items WHERE _fetched_at = (SELECT MAX(_fetched_at) FROM torn_items)),
  -- One row a crime before it is joined: money joined to several items would be counted once for each.
  items AS (
    SELECT r._account, r.crime_id, r._fetch_id, SUM(r.quantity) AS items, SUM(r.quantity * prices.value_market_price) AS market_value
    FROM faction_crimes_rewards_items AS r
    LEFT JOIN prices ON prices.id = r.item_id
    GROUP BY r._account, r.crime_id, r._fetch_id
  ),
  shares AS (
    SELECT
      crimes._account,
      CAST(crimes.rewards_payout_paid_at AS DATE) AS payout_date,
      crimes.rewards_money AS money,
      -- In decimals, as 66.67 % is no exact float.
      CAST(ROUND(crimes.rewards_money * CAST(crimes.rewards_payout_percentage AS NUMERIC(9, 4)) * CAST(0.01 AS NUMERIC(3, 2))) AS BIGINT)
        AS participants,
      items.items,
      items.market_value
    FROM crimes
    LEFT JOIN items ON items._account = crimes._account AND items.crime_id = crimes.id AND items._fetch_id = crimes._fetch_id
    WHERE crimes.rewards_payout_paid_at IS NOT NULL OR crimes.rewards_money <> 0 OR items.items > 0
  )
SELECT
  _account,
  payout_date,
  COUNT(*) AS crimes,
  CAST(SUM(money) AS BIGINT) AS money,
  CAST(SUM(CASE WHEN payout_date IS NOT NULL THEN participants END) AS BIGINT) AS participants,
  CAST(SUM(CASE WHEN payout_date IS NOT NULL THEN money - participants END) AS BIGINT) AS faction,
  CAST(SUM(CASE WHEN payout_date IS NULL THEN money ELSE 0 END) AS BIGINT) AS unpaid,
  CAST(COALESCE(SUM(items), 0) AS BIGINT) AS items,
  CAST(COALESCE(SUM(market_value), 0) AS BIGINT) AS items_market_value
FROM shares
GROUP BY _account, payout_date
ORDER BY _account, CASE WHEN payout_date IS NULL THEN 0 ELSE 1 END, payout_date DESC
