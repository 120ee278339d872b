"""Forms that are filled in again and again: different items, whatever they share. Each gives (title, text)."""

from __future__ import annotations

from collections.abc import Callable

from tests.data.dedupe.prose import DAYS, DISEASES, MONTHS, Prose

Fill = tuple[str, str]
Form = Callable[[Prose], Callable[[int], Fill]]


def earnings(p: Prose) -> Callable[[int], Fill]:
    """Results of another company, or another quarter, in the words of the same agency."""
    who = p.org() if p.dice.random() < 0.5 else None
    more = p.paragraph(3)

    def fill(n: int) -> Fill:
        d, org = p.dice, who or p.org()
        quarter, year = ["first", "second", "third", "fourth"][n % 4], 2024 + n // 4
        r, e = d.randint(100, 900), d.randint(10, 99)
        return (
            f"{org} reports {quarter} quarter {year} results",
            f"{org} today announced financial results for the {quarter} quarter of {year}. Revenue was ${r}.{d.randint(0, 9)} "
            f"million, compared with ${r - d.randint(5, 60)}.{d.randint(0, 9)} million in the same quarter a year earlier. Net income "
            f"was ${e}.{d.randint(0, 9)} million, or ${d.randint(0, 4)}.{d.randint(10, 99)} per diluted share. Cash and cash "
            f"equivalents were ${d.randint(50, 800)} million at the end of the quarter.\n\n“We are pleased with our performance this "
            f"quarter and remain focused on execution,” said {p.person() if who is None else 'our chief executive'}. {more}\n\n"
            f"The company will host a conference call on {p.date()} at {d.randint(1, 11)}:00 p.m. Eastern time to discuss these "
            "results. A replay will be available on the investor relations website for thirty days. Statements in this release "
            "that are not historical facts are forward-looking and involve risks and uncertainties that could cause actual "
            "results to differ materially.",
        )

    return fill


def advisory(p: Prose) -> Callable[[int], Fill]:
    """A security advisory with another number."""
    org = p.org()

    def fill(n: int) -> Fill:
        d = p.dice
        cve, part = (
            f"CVE-{2020 + n % 6}-{d.randint(1000, 39999)}",
            p.one(["parser", "scheduler", "login page", "web console"]),
        )
        return (
            f"{cve}: vulnerability in {org} server",
            f"A vulnerability in the {part} of {org} server could allow an unauthenticated remote attacker to cause a denial of "
            f"service condition on an affected device. The vulnerability, {cve}, is due to insufficient validation of input and has "
            f"a CVSS score of {d.randint(4, 9)}.{d.randint(0, 9)}. An attacker could exploit it by sending crafted packets to port "
            f"{d.randint(80, 9000)}. Versions before {d.randint(1, 12)}.{d.randint(0, 9)}.{d.randint(0, 30)} are affected. "
            "There are no workarounds that address this vulnerability. Customers are advised to update as soon as they can.",
        )

    return fill


def weather(p: Prose) -> Callable[[int], Fill]:
    """Tomorrow's forecast."""
    place = p.place()

    def fill(n: int) -> Fill:
        d, day = p.dice, DAYS[n % 7]
        return (
            f"Weather for {place}: {day}",
            f"The forecast for {place} on {day}: {p.one(['sunny', 'cloudy', 'rain at times', 'showers', 'fog early'])} in the "
            f"morning, {p.one(['clearing', 'overcast', 'thunder', 'drizzle'])} in the afternoon. Highs of {d.randint(5, 32)} degrees "
            f"and lows of {d.randint(-5, 14)} degrees, with winds from the {p.one(['north', 'south', 'east', 'west'])} at "
            f"{d.randint(5, 60)} kilometres an hour. Chance of rain {d.randint(0, 10) * 10} per cent. Sunrise is at "
            f"{d.randint(5, 8)}:{d.randint(10, 59)} and sunset at {d.randint(16, 21)}:{d.randint(10, 59)}. Drivers are asked to "
            "allow more time for their journey and to check the state of the roads before they leave home.",
        )

    return fill


def job(p: Prose) -> Callable[[int], Fill]:
    """Another post at the same house."""
    org, about = p.org(), p.paragraph(4)

    def fill(n: int) -> Fill:
        role = f"{p.one(['Senior', 'Junior', 'Lead', 'Deputy'])} {p.one(['Welder', 'Analyst', 'Nurse', 'Driver', 'Editor', 'Buyer'])}"
        return (
            f"{role} ({p.place()})",
            f"{org} is looking for a {role} to join its team in {p.place()}. You will report to the head of {p.one(['sales', 'care', 'works', 'design'])} "
            f"and work {p.dice.randint(20, 40)} hours a week at a salary from {p.dice.randint(25, 90)},000 a year. {about} We offer "
            "a friendly team, thirty days of leave, a pension plan and a bicycle. To apply, send a letter and a curriculum vitae "
            f"before {p.date()}. We welcome applications from all parts of the community.",
        )

    return fill


def stock(p: Prose) -> Callable[[int], Fill]:
    """A machine writes on every share that moves."""

    def fill(n: int) -> Fill:
        d, org = p.dice, p.org()
        tick = "".join(d.choice("ABCDEFGHJKLMNPRSTVWXZ") for _ in range(4))
        way = p.one(["up", "down"])
        return (
            f"{org} shares {way} {d.randint(1, 20)}.{d.randint(0, 9)}% on heavy volume",
            f"Shares of {org} (NASDAQ: {tick}) traded {way} {d.randint(1, 20)}.{d.randint(0, 9)}% during trading on {p.one(DAYS[:5])}. "
            f"The stock traded as high as ${d.randint(10, 300)}.{d.randint(10, 99)} and last traded at ${d.randint(10, 300)}."
            f"{d.randint(10, 99)}. About {d.randint(100, 999)},{d.randint(100, 999)} shares changed hands, compared with an average "
            f"session volume of {d.randint(100, 999)},{d.randint(100, 999)} shares. The company has a market capitalization of "
            f"${d.randint(1, 90)}.{d.randint(10, 99)} billion, a price-to-earnings ratio of {d.randint(5, 60)}.{d.randint(10, 99)} "
            f"and a beta of {d.randint(0, 2)}.{d.randint(10, 99)}. The firm has a fifty day moving average of ${d.randint(10, 300)}.{d.randint(10, 99)}.",
        )

    return fill


def obituary(p: Prose) -> Callable[[int], Fill]:
    """The funeral home's words around another name."""
    home, place = p.one(["Harlan", "Mercer", "Tolliver"]) + " Funeral Home", p.place()

    def fill(n: int) -> Fill:
        d, name = p.dice, p.person()
        return (
            f"Obituary: {name}",
            f"{name}, {d.randint(51, 99)}, of {p.place()}, passed away peacefully on {p.date()} surrounded by family. Born in "
            f"{p.place()} on {p.date()} {d.randint(1925, 1970)} to {p.person()} and {p.person()}, {name.split()[0]} worked for "
            f"{p.org()} for {d.randint(5, 40)} years. Survivors include {d.randint(1, 6)} children, {d.randint(1, 14)} grandchildren "
            f"and many friends. A service will be held at {home} in {place} on {p.date()} at {d.randint(9, 15)}:00. Visitors are "
            "welcome one hour before the service. In lieu of flowers the family asks for gifts to the hospice. Condolences may be "
            f"left on the website of {home}, which is in charge of the arrangements.",
        )

    return fill


def listing(p: Prose) -> Callable[[int], Fill]:
    """Another house by the same agent."""
    agent = p.person()

    def fill(n: int) -> Fill:
        d = p.dice
        street = f"{d.randint(1, 990)} {p.one(['Elm', 'Mill', 'Church', 'Station', 'Orchard'])} {p.one(['Road', 'Lane', 'Street'])}"
        return (
            f"For sale: {street}, {p.place()}",
            f"{street} is a {d.randint(2, 6)} bedroom, {d.randint(1, 4)} bathroom home of {d.randint(900, 4000)} square feet on "
            f"{d.randint(1, 9)}.{d.randint(1, 9)} acres, listed at ${d.randint(150, 990)},000. The bright kitchen opens to a family "
            "room with a fireplace, and the private garden is ideal for entertaining. Close to schools, shops and transport. "
            f"Built in {d.randint(1900, 2022)} and updated in {d.randint(2010, 2025)}. Open house on {p.one(DAYS)} from "
            f"{d.randint(9, 12)} to {d.randint(13, 17)}. Contact {agent} to arrange a private viewing today. All information is "
            "deemed reliable but not guaranteed and should be verified by the buyer.",
        )

    return fill


def lawsuit(p: Prose) -> Callable[[int], Fill]:
    """A law firm reminds the investors of yet another company."""
    firm, lawyer = f"{p.one(['Roth', 'Vance', 'Quist'])} & {p.one(['Maddox', 'Falk', 'Lovell'])} LLP", p.person()
    phone = f"({p.dice.randint(200, 999)}) 555-{p.dice.randint(1000, 9999)}"

    def fill(n: int) -> Fill:
        d, org = p.dice, p.org()
        tick = "".join(d.choice("ABCDEFGHJKLMNPRSTVWXZ") for _ in range(4))
        return (
            f"{org} INVESTOR ALERT: {firm} reminds shareholders of the deadline in class action against {org}",
            f"{firm} reminds investors that a class action lawsuit has been filed against {org} (NYSE: {tick}) on behalf of "
            f"shareholders who purchased securities between {p.date()} {d.randint(2021, 2024)} and {p.date()} 2025. The lead plaintiff "
            f"deadline is {p.date()} 2026. The complaint alleges that throughout the class period the defendants made false and "
            f"misleading statements about {p.noun()} and failed to disclose that {p.clause()}. When the truth was revealed, the "
            f"share price of {org} fell {d.randint(5, 60)}%. If you suffered a loss, you may ask the court to appoint you as lead "
            f"plaintiff. Your ability to share in any recovery does not depend on it. There is no cost or obligation to you. "
            f"Contact {lawyer} at {phone} to discuss your rights. {firm} has recovered hundreds of millions of dollars for "
            "investors and has offices in several cities. Attorney advertising. Prior results do not guarantee similar outcomes.",
        )

    return fill


def podcast(p: Prose) -> Callable[[int], Fill]:
    """The same show notes under every episode."""
    host, notes = p.person(), p.paragraph(5)

    def fill(n: int) -> Fill:
        title = f"{n + 1}: {p.title()}" if p.dice.random() < 0.5 else f"{p.title()} with {p.person()}"
        return (
            title,
            f"Your host is {host}. {notes} Subscribe wherever you listen, and leave us a review. Music by {host}.",
        )

    return fill


def incident(p: Prose) -> Callable[[int], Fill]:
    """A status page."""
    part = p.one(["API", "Dashboard", "Logins", "Webhooks", "Search"])

    def fill(n: int) -> Fill:
        return (
            f"{p.one([part, 'Billing', 'Exports'])}: {p.one(['elevated error rates', 'degraded performance', 'delays'])}",
            f"{p.date()}, {p.dice.randint(10, 23)}:{p.dice.randint(10, 59)} UTC Resolved - This incident has been resolved. "
            f"{p.date()}, {p.dice.randint(10, 23)}:{p.dice.randint(10, 59)} UTC Monitoring - A fix has been implemented and we are "
            "monitoring the results. Investigating - We are currently investigating this issue and will post an update as soon "
            "as we know more. We apologise for any inconvenience this may have caused.",
        )

    return fill


def episodes(p: Prose) -> Callable[[int], Fill]:
    """What is on, week by week."""
    show, words = p.title(), p.paragraph(3)

    def fill(n: int) -> Fill:
        rows = " ".join(f"Episode {n * 5 + i}: {p.title()}." for i in range(5))
        return (
            f"{show}: episodes {n * 5} to {n * 5 + 4}",
            f"{words} This week's episodes are listed below. {rows} {words}",
        )

    return fill


def caption(p: Prose) -> Callable[[int], Fill]:
    """A photographer's life under every photograph."""
    who, life = p.person(), " ".join(p.paragraph() for _ in range(4))

    def fill(n: int) -> Fill:
        title, d = p.title(), p.dice
        return (
            f"“{title} ({d.randint(1930, 1969)})” – {who}",
            f"Photograph by {who}, courtesy of the estate. {title} ({d.randint(1930, 1969)}). {p.paragraph(d.randint(1, 3))}\n\n"
            f"This image may be ordered by its number {d.randint(10, 99)}-{d.randint(100, 999)} in the box on the home page.\n\n{life}",
        )

    return fill


def match_report(p: Prose) -> Callable[[int], Fill]:
    """Results of the league, written by a machine."""

    def fill(n: int) -> Fill:
        d, home, away = p.dice, p.place(), p.place()
        return (
            f"{home} {d.randint(0, 6)}-{d.randint(0, 6)} {away}",
            f"{home} met {away} at the {p.one(['Park', 'Arena', 'Ground'])} on {p.one(DAYS)} in front of {d.randint(300, 9000)} "
            f"spectators. {p.person()} scored in the {d.randint(1, 89)}th minute after a pass from {p.person()}, and the sides went "
            f"in level at half time. {p.person()} was sent off in the {d.randint(46, 90)}th minute for a second bookable offence. "
            f"The result leaves {home} in {d.randint(1, 18)}th place with {d.randint(3, 60)} points, and {away} travel to "
            f"{p.place()} next week. Referee: {p.person()}. Substitutes not used: {p.person()}, {p.person()}.",
        )

    return fill


def software(p: Prose) -> Callable[[int], Fill]:
    """Release notes of the next version."""
    name, intro = p.one(["Tangle", "Pebble", "Quill", "Larder"]), p.paragraph(3)

    def fill(n: int) -> Fill:
        version = f"{1 + n // 10}.{n % 10}.{p.dice.randint(0, 9)}"
        return (
            f"{name} {version} released",
            f"The {name} team is happy to announce version {version}. {intro} This release fixes {p.dice.randint(2, 60)} issues, "
            f"among them a crash in the {p.one(['parser', 'cache', 'editor'])} when the {p.noun()} is empty. Upgrade with the "
            f"package manager of your system. Checksums are on the download page. Thanks to {p.person()} and {p.person()} for "
            "their contributions, and to everybody who reported an issue, wrote a translation or tested the beta.",
        )

    return fill


def fund(p: Prose) -> Callable[[int], Fill]:
    """The daily net asset value, and voting rights by the month."""
    org = p.org()

    def fill(n: int) -> Fill:
        d, month = p.dice, MONTHS[n % 12]
        return (
            f"{org}: Net asset value(s)" if d.random() < 0.5 else f"{org}: total voting rights {month}",
            f"{org} announces that at the close of business on {d.randint(1, 28)} {month} {2024 + n // 12} its unaudited net asset "
            f"value per ordinary share was {d.randint(90, 400)}.{d.randint(10, 99)} pence including income and {d.randint(90, 400)}."
            f"{d.randint(10, 99)} pence excluding income. The issued share capital was {d.randint(10, 400)},{d.randint(100, 999)},"
            f"{d.randint(100, 999)} shares, of which {d.randint(1, 9)},{d.randint(100, 999)},{d.randint(100, 999)} were held in "
            "treasury. This figure may be used by shareholders as the denominator for the calculations by which they determine "
            "whether they are required to notify their interest in the company under the transparency rules.",
        )

    return fill


def study(p: Prose) -> Callable[[int], Fill]:
    """A market report for every market."""

    def fill(n: int) -> Fill:
        d, what = p.dice, f"{p.noun()} for {p.one(DISEASES)}"
        return (
            f"Global {what} market to reach ${d.randint(1, 90)} billion by {d.randint(2028, 2036)}",
            f"The global {what} market was valued at ${d.randint(1, 40)}.{d.randint(1, 9)} billion in {d.randint(2021, 2025)} and is "
            f"projected to reach ${d.randint(41, 90)}.{d.randint(1, 9)} billion by {d.randint(2028, 2036)}, growing at a compound "
            f"annual rate of {d.randint(2, 19)}.{d.randint(1, 9)}% during the forecast period. Increasing demand for {what} and rising "
            f"investments are the key factors driving the growth of the market. Key players include {p.org()}, {p.org()} and "
            f"{p.org()}. By region, {p.one(['North America', 'Europe', 'Asia Pacific'])} held the largest share in the base year. The "
            "report offers a detailed analysis of drivers, restraints, opportunities and challenges, and profiles the leading "
            "companies. Request a sample copy of the report, or speak to our analysts before buying.",
        )

    return fill


def offer(p: Prose) -> Callable[[int], Fill]:
    """An offer or an open day, announced again word for word for other dates."""
    org, place, what = p.org(), p.place(), p.noun()
    opening, more = p.paragraph(2), "\n\n".join(p.paragraph(4) for _ in range(p.dice.randint(1, 4)))

    def fill(n: int) -> Fill:
        month, day, begins = MONTHS[n % 12], p.dice.randint(1, 9), p.dice.randint(12, 25)
        return (
            f"{org} invites everybody to try its {what} free of charge",
            f"{place.upper()}, {month} {day}, 2026 – {org} will let everybody try its {what} free of charge from {month} "
            f"{begins} to {month} {begins + 2} in its house in {place}. {opening}\n\n{more}",
        )

    return fill


FORMS: dict[str, Form] = {
    "earnings": earnings,
    "advisory": advisory,
    "weather": weather,
    "job": job,
    "stock": stock,
    "obituary": obituary,
    "listing": listing,
    "lawsuit": lawsuit,
    "podcast": podcast,
    "incident": incident,
    "episodes": episodes,
    "caption": caption,
    "match-report": match_report,
    "software": software,
    "fund": fund,
    "study": study,
    "offer": offer,
}
