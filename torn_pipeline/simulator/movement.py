"""Where members are: flights there and back, hospital and jail, and how each of these ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.vocabulary import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene

__all__ = ["Movement"]


class Movement:
    """Moves members about, and brings them back; ``on_hospital`` is called with who comes into hospital, why and until when."""

    def __init__(self, scene: Scene) -> None:
        self.on_hospital: Callable[[Person, str, int], None]
        self._agenda = scene.agenda
        self._chance = scene.chance

    def adopt(self, person: Person) -> None:
        """See to it that a state that somebody is found in comes to an end."""
        status = person.row["status"]
        description = str(status["description"])
        if status["until"] is not None:
            self._agenda.put(status["until"], self._release, person, person.state, status["until"])
        elif person.state == "Abroad":
            self._then(rates.STAY, self._go_home, person, description.removeprefix("In "))
        elif person.state == "Traveling" and description.startswith("Returning"):
            self._then(rates.FLIGHT, self._land, person)
        elif person.state == "Traveling":
            self._then(rates.FLIGHT, self._arrive, person, description.removeprefix("Traveling to "))

    def fly(self, person: Person) -> None:
        """Leave for a country."""
        country = self._chance.choice(COUNTRIES)
        person.be_on_the_way(country, back=False)
        self._then(rates.FLIGHT, self._arrive, person, country)

    def hospital(self, person: Person, until: int, details: str) -> None:
        """Spend the time until then in hospital."""
        person.be_in_hospital(until, details)
        self._agenda.put(until, self._release, person, "Hospital", until)
        self.on_hospital(person, details, until)

    def jail(self, person: Person, until: int, details: str) -> None:
        """Spend the time until then in jail."""
        person.be_in_jail(until, details)
        self._agenda.put(until, self._release, person, "Jail", until)

    def _then(self, span: tuple[int, int], deed: Callable[..., None], *about: object) -> None:
        self._agenda.put(self._agenda.now + self._chance.randint(*span), deed, *about)

    def _release(self, person: Person, state: str, until: int) -> None:
        if person.state == state and person.until == until:
            person.be_okay()

    def _arrive(self, person: Person, country: str) -> None:
        if person.state == "Traveling":
            person.be_abroad(country)
            self._then(rates.STAY, self._go_home, person, country)

    def _go_home(self, person: Person, country: str) -> None:
        if person.state == "Abroad":
            person.see(self._agenda.now)
            person.be_on_the_way(country, back=True)
            self._then(rates.FLIGHT, self._land, person)

    def _land(self, person: Person) -> None:
        if person.state == "Traveling":
            person.be_okay()
