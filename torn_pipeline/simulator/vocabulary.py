"""The words and ranges the small world is made of: crimes, items, names, places. Constants only."""

from __future__ import annotations

__all__ = [
    "ABILITIES",
    "AMMUNITION",
    "ARMOUR_PARTS",
    "COUNTRIES",
    "CRIMES",
    "FACTION_NAMES",
    "ITEM_TEXTS",
    "ITEM_TYPES",
    "ITEM_WORDS",
    "NAME_ENDS",
    "NAME_STARTS",
    "ODD_NAMES",
    "PLANES",
    "POSITIONS",
    "RANKS",
    "REVIVE_SETTINGS",
    "RIVAL_NAMES",
    "SHOPS",
    "TERRITORIES",
    "WEAPONS",
]

# Name, difficulty, positions in the order of the slots. One crime stands here twice: the API has changed
# the case of its name, and answers with both.
CRIMES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("Mob Mentality", 1, ("Looter", "Looter", "Looter", "Looter")),
    ("Pet Project", 1, ("Kidnapper", "Muscle", "Picklock")),
    ("Cash Me if You Can", 2, ("Thief", "Thief", "Lookout")),
    ("Market Forces", 3, ("Enforcer", "Negotiator", "Lookout", "Arsonist", "Muscle")),
    ("Snow Blind", 4, ("Hustler", "Imitator", "Muscle", "Muscle")),
    ("Guardian Ángels", 5, ("Enforcer", "Hustler", "Engineer")),
    ("Leave No Trace", 5, ("Techie", "Negotiator", "Imitator")),
    ("Counter Offer", 6, ("Robber", "Looter", "Hacker", "Picklock", "Engineer")),
    ("Honey Trap", 6, ("Enforcer", "Muscle", "Muscle")),
    ("Blast from the Past", 7, ("Picklock", "Hacker", "Engineer", "Bomber", "Muscle", "Picklock")),
    ("Break the Bank", 8, ("Robber", "Muscle", "Muscle", "Thief", "Muscle", "Thief")),
    ("Break The Bank", 8, ("Robber", "Muscle", "Muscle", "Thief", "Muscle", "Thief")),
    ("Stacking the Deck", 8, ("Cat Burglar", "Driver", "Hacker", "Imitator")),
    ("Ace in the Hole", 9, ("Imitator", "Muscle", "Muscle", "Hacker", "Driver")),
)

NAME_STARTS = ("Amber", "Blaze", "Cobalt", "Dusk", "Ember", "Frost", "Ghost", "Hazel", "Iron", "Jade", "Lunar", "Moss", "Nickel", "Raven")
NAME_ENDS = ("", "Fox", "_One", "-X", "Wolf", "bird", "ette", "2000")
# Names that have broken spreadsheets, encodings, SQL or null handling somewhere.
ODD_NAMES = (
    "null",
    "None",
    "0",
    "007",
    "=SUM(A1)",
    "a;b,c",
    'Say"So"',
    "L'Étoile",
    "Žofie",
    "Ægir",
    "Straße",
    "Пуля",
    "夜猫",
    "🐺Lobo",
    "x" * 15,
    "__-__",
)

POSITIONS = ("Leader", "Co-leader", "Recruit", "Soldier", "Veteran", "Quartermaster", "Ünder-boss", "Banker & Co")
# What the API's description lists, in an order that gives a low position the harmless ones.
ABILITIES = (
    "Medical Usage",
    "Booster Usage",
    "Drug Usage",
    "Energy Refill Usage",
    "Nerve Refill Usage",
    "Consumable Usage",
    "Temporary Loaning",
    "Weapon & Armor Loaning",
    "Utility Loaning",
    "Medical Loaning",
    "Consumable Loaning",
    "Drug Loaning",
    "Booster Loaning",
    "Item Retrieving",
    "Organised Crimes",
    "Faction API Access",
    "Item Giving",
    "Money Giving",
    "Points Giving",
    "Forum Management",
    "Application Management",
    "Kick Members",
    "Balance Adjustment",
    "War Management",
    "Upgrade Management",
    "Newsletter Sending",
    "Announcement Changes",
    "Description Changes",
)
RIVAL_NAMES = ("The Quiet Hour", "Zéro & Fils", "Hammer <3", "北風", "Last Orders", "O'Malley's")
# Name and tag.
FACTION_NAMES = (("Night & Day", "N&D"), ("Les Ombres d'Été", "OMB"), ("The <Crew>", "CREW"), ("Wölfe", "WLF"), ("Nobody's Fools", "0"))
RANKS = ("Unranked", "Bronze", "Silver", "Gold", "Platinum", "Diamond")
REVIVE_SETTINGS = ("Everyone", "Friends & faction", "No one", "Unknown")
COUNTRIES = (
    "Argentina",
    "Canada",
    "Cayman Islands",
    "China",
    "Hawaii",
    "Japan",
    "Mexico",
    "South Africa",
    "Switzerland",
    "UAE",
    "United Kingdom",
)
PLANES = ("airliner", "light_aircraft", "private_jet")

# Each type with about how many of a thousand items are of it.
ITEM_TYPES = {
    "Alcohol": 10,
    "Armor": 50,
    "Artifact": 14,
    "Book": 30,
    "Booster": 14,
    "Candy": 13,
    "Car": 34,
    "Clothing": 153,
    "Collectible": 188,
    "Drug": 8,
    "Energy Drink": 6,
    "Enhancer": 22,
    "Flower": 14,
    "Jewelry": 10,
    "Material": 46,
    "Medical": 13,
    "Other": 132,
    "Plushie": 9,
    "Special": 27,
    "Supply Pack": 26,
    "Tool": 46,
    "Unused": 9,
    "Weapon": 123,
}
ITEM_WORDS = ("Rusty", "Gilded", "Café", "Señor's", "Grand", "Tiny", "Old", "Neon", "“Quoted”", "Plain", "Double-edged", "Vintage")
ITEM_TEXTS = (
    "",
    "A plain thing that somebody lost.",
    "Said to bring luck — nobody knows to whom.",
    "First line.\nSecond line,\twith a tab.",
    'Marked <i>fragile</i> &amp; "handle with care".',
    "Très chic, 100 % soie.",
)
SHOPS = ("Bits 'n' Bobs", "Big Al's Gun Shop", "Sally's Sweet Shop", "Pharmacy", "General Store")

# Some of the four thousand or so.
TERRITORIES = ("AAB", "AAG", "ABD", "CLA", "DUE", "KOB", "NSC", "TVG")

# Category of weapon, and the kinds that fall into it.
WEAPONS = {
    "Melee": ("Clubbing", "Piercing", "Slashing", "Mechanical"),
    "Primary": ("Heavy artillery", "Machine gun", "Rifle", "Shotgun"),
    "Secondary": ("Pistol", "SMG"),
    "Temporary": ("Temporary",),
}
AMMUNITION = ((1, "12 Gauge Shell"), (2, "9mm Parabellum Round"), (4, "5.56mm Rifle Round"), (11, ".45 ACP Round"))
ARMOUR_PARTS = ("Full Body", "Head", "Throat", "Heart", "Chest", "Stomach", "Arm", "Hand", "Groin", "Leg", "Foot")
