"""How often things happen in the simulated world, and how long they take: constants only.

The rates are made up. They are plausible for a faction that is alive and were measured on none; what is known of the
real game is in the shapes and rules, not here. Times are in seconds, shares from 0 to 1, "a day" is for each member.
"""

from __future__ import annotations

__all__ = [
    "ATTACKED",
    "ATTACKS",
    "AWAKE",
    "BRING_ITEM",
    "CAUGHT",
    "CHAIN_EVERY",
    "CHAIN_GAP",
    "CHAIN_GAP_MOST",
    "CHAIN_HITS",
    "CHAIN_LISTED",
    "CHAIN_REST",
    "CHAIN_TIMEOUT",
    "COME_BACK",
    "DAY",
    "DEPOSIT",
    "EARLY_DISCHARGE",
    "FIGHT_LENGTH",
    "FLIGHT",
    "FLY",
    "GIVE_ITEM",
    "HIT",
    "HOSPITAL",
    "HOUR",
    "IDLE_AFTER",
    "ITEM_AT_HAND",
    "ITEM_BOUGHT_AFTER",
    "JAILED",
    "JOIN",
    "JOIN_CRIME",
    "LATE",
    "LATE_BY",
    "LEAVE",
    "LOOK_AGAIN",
    "MARKET_EVERY",
    "MARKET_MOVES",
    "MINUTE",
    "NEW_CRIMES",
    "PAID",
    "PAID_AFTER",
    "PAST",
    "PEACE",
    "PROMOTE",
    "RAID_BY_OWN",
    "RAID_LENGTH",
    "RAID_PEACE",
    "RECRUITING",
    "RETALIATE",
    "RETALIATE_WITHIN",
    "REVIVE",
    "REVIVED",
    "REVIVED_BY_OWN",
    "REVIVED_WITHIN",
    "REVIVE_SKILL",
    "RISE",
    "STAY",
    "STEALTH",
    "SUCCESS",
    "SUCCESS_OF_OTHERS",
    "TERRITORY_BY_OWN",
    "TERRITORY_CLEARED",
    "TERRITORY_EAGER",
    "TERRITORY_LONGEST",
    "TERRITORY_PEACE",
    "TERRITORY_STAY",
    "TERRITORY_STEP",
    "TERRITORY_TARGET",
    "TERRITORY_TREATY",
    "TRIAL",
    "USE_ITEM",
    "VISITS",
    "VISITS_OF_THE_IDLE",
    "VISIT_LENGTH",
    "WAR_AMONG_OWN",
    "WAR_BURST",
    "WAR_BURST_EVERY",
    "WAR_FULL_LEAD",
    "WAR_LEAD",
    "WAR_LONGEST",
    "WAR_NOTICE",
    "WITHDRAW",
]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Visits: how often a member is on Torn a day (least, most), of whom has not been seen for long, and for how long.
VISITS = (0.5, 5.0)
VISITS_OF_THE_IDLE = 0.1
IDLE_AFTER = 5 * DAY
VISIT_LENGTH = 12 * MINUTE
AWAKE = 16 * HOUR
# What is done on a visit.
FLY = 0.12
JOIN_CRIME = 0.7
BRING_ITEM = 0.15
DEPOSIT = 0.06
WITHDRAW = 0.04
GIVE_ITEM = 0.03
USE_ITEM = 0.08
HIT = 0.06
CAUGHT = 0.006
RISE = 0.01
PROMOTE = 0.05

# Flights: one way, and the stay.
FLIGHT = (20 * MINUTE, 4 * HOUR)
STAY = (2 * MINUTE, 5 * HOUR)
JAILED = (10 * MINUTE, 5 * HOUR)

# Members who join and leave, a day; the share of joiners who were there before.
JOIN = 0.004
LEAVE = 0.003
COME_BACK = 0.15
TRIAL = 3 * DAY

# Crimes: new ones a day, how many may wait for members for each member, how long they are open.
NEW_CRIMES = 0.045
RECRUITING = 0.1
LATE = 0.12
LATE_BY = 5 * HOUR
LOOK_AGAIN = 20 * MINUTE
ITEM_AT_HAND = 0.7
ITEM_BOUGHT_AFTER = 20 * HOUR
PAID = 0.9
PAID_AFTER = 12 * HOUR

# Attacks.
ATTACKED = 0.05
STEALTH = 0.15
SUCCESS = 0.86
SUCCESS_OF_OTHERS = 0.7
RETALIATE = 0.2
RETALIATE_WITHIN = 5 * MINUTE
FIGHT_LENGTH = (4, 40)
HOSPITAL = (10 * MINUTE, 4 * HOUR)
# How many attacks a faction knows of, a day, all kinds together: measured on this world, to make the past as long as asked.
ATTACKS = 0.55
PAST = 28 * DAY

# Chains: days between the bursts of one faction, hits for each member (least, most), seconds between hits.
CHAIN_TIMEOUT = 5 * MINUTE
CHAIN_LISTED = 10
CHAIN_REST = 6
CHAIN_EVERY = 3 * DAY
CHAIN_HITS = (0.1, 0.7)
CHAIN_GAP = 45
CHAIN_GAP_MOST = 4 * MINUTE

# Ranked wars: from the end of one to the declaration of the next, from that to the start; the lead that wins for each
# member, when it begins to shrink and when nothing is left of it; between bursts of hits, and hits of a burst.
PEACE = (5 * DAY, 11 * DAY)
WAR_NOTICE = (8 * HOUR, 20 * HOUR)
WAR_LEAD = 1.6
WAR_FULL_LEAD = 24 * HOUR
WAR_LONGEST = 60 * HOUR
WAR_BURST_EVERY = 5 * HOUR
WAR_BURST = (0.03, 0.15)
WAR_AMONG_OWN = 0.25

# Raids: how long they last, from the end of one to the start of the next, and the share that the faction itself starts.
RAID_LENGTH = (2 * DAY, 6 * DAY)
RAID_PEACE = (3 * DAY, 10 * DAY)
RAID_BY_OWN = 0.6

# Territory wars: from the end of one to the start of the next, the share that the faction itself starts, how long one lasts at
# most and the share that ends with a treaty; points that win for each slot of the territory. Who is on the wall changes in
# steps: how many come at most (one number for a whole war), and the shares that stay and, of those who do not, are knocked off.
TERRITORY_PEACE = (6 * DAY, 16 * DAY)
TERRITORY_BY_OWN = 0.6
TERRITORY_LONGEST = 72 * HOUR
TERRITORY_TREATY = 0.2
TERRITORY_TARGET = 20_000
TERRITORY_STEP = 20 * MINUTE
TERRITORY_EAGER = (1, 5)
TERRITORY_STAY = 0.8
TERRITORY_CLEARED = 0.5

# Revives, of others by a member a day; the share of stays in hospital that end with one, after which part of them, and by members
# of the faction; how much better a revive makes a reviver; targets that could have left early.
REVIVE = 0.03
REVIVED = 0.35
REVIVED_WITHIN = (0.05, 0.95)
REVIVED_BY_OWN = 0.6
REVIVE_SKILL = 0.02
EARLY_DISCHARGE = 0.05

# The market of items.
MARKET_EVERY = 6 * HOUR
MARKET_MOVES = 0.05
