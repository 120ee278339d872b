"""Prose that nobody wrote: organisations, people, places and sentences of them, as many as a corpus needs."""

from __future__ import annotations

from random import Random

NOUNS = """agreement airport alliance archive artist auction basin battery bridge budget building cable camera campus canal
cargo cattle centre chamber charter circuit clinic coast committee community company contract council courier crew
customer dairy data debate delivery depot design device district doctor donor drought drone engine engineer estate
exhibition exporter fabric factory farmer ferry festival filter fleet forest forum foundation freight garden generator
glacier grain grant greenhouse harbour harvest highway hospital household inspector institute insurer inventory island
journal kitchen laboratory ladder lantern lawyer lender library licence machine market mayor meadow membrane merchant
metal mill mine ministry mountain museum network neighbour nurse orchard orchestra owner panel partner patient pension
pilot pipeline plant platform police pollen port portrait price prize programme project protein province pump quarry
railway refinery region regulator rehearsal reserve reservoir resident retailer river road roof sailor school season
sensor server settlement shipment shore signal soil station steel storm student supplier survey teacher team telescope
tenant theatre timber tourist tower track trade trainee tram treaty trial tunnel turbine union university vaccine valley
vehicle vessel village vineyard volunteer voter warehouse water weaver weight wheat window winter workshop""".split()
VERBS = """accepted acquired adopted announced approved assembled audited backed blocked borrowed built bought cancelled
carried chose cleaned closed combined commissioned compared completed connected copied counted covered crossed cut
defended delayed delivered designed doubled emptied ended equipped examined expanded exported extended feared financed
finished flooded founded guarded halved handed heated hired honoured imported improved inspected installed insured
invited joined kept launched leased led licensed loaded lowered mapped measured merged moved named offered opened ordered
outlined owned painted patched planned planted postponed praised prepared presented promised proposed protected published
purchased questioned raised rebuilt recalled received recycled reduced refused registered rejected renamed rented
repaired replaced reported rescued restored retired returned revealed reviewed rewarded saved sealed selected shipped
shortened signed sold split staffed started stopped stored studied supplied supported surveyed tested tracked trained
transferred transported treated tripled united unveiled upgraded visited warned welcomed widened withdrew""".split()
ADJECTIVES = """affordable ancient annual automatic brittle broad busy careful cheap civic clean cold common compact costly
crowded damaged deep digital distant dry durable early eastern efficient electric empty expensive familiar fast fertile
final fragile fresh friendly frozen gentle global green heavy hidden historic hollow independent industrial inland joint
kind large late leaky local lonely lower magnetic main marine medical mild mobile modern modest muddy narrow national
native new noisy northern novel old optical outer patient permanent pilot plain popular portable private public quiet
rapid rare reliable remote robust rural rusty safe salty seasonal secure senior shallow sharp silent simple small solar
southern spare steady steep strong sturdy sudden thermal thin tidal tiny upper urban vacant warm western wide wild
wooden young""".split()
LINKS = """after although because before beyond despite during following inside near since though toward under unless until
where whereas while without""".split()
FIRST = """Ada Amir Anneke Bao Beatriz Callum Chiara Dagny Dara Efua Elif Emeka Fatou Finn Greta Hana Hugo Imre Ines Jarek
Joana Kofi Lale Lars Leila Mateo Mira Nadia Niko Odile Omar Petra Quentin Rania Rosa Samir Sana Tariq Thea Ulla Vera
Viktor Wanda Xenia Yara Yusuf Zita Zoran""".split()
LAST = """Abara Alder Almeida Ashworth Baptiste Berglund Calloway Castellan Dahl Demir Eberhart Falk Farouk Galvez Gauthier
Haldane Hirano Ibarra Ivanova Jansen Kaminski Kestrel Lindqvist Lovell Maddox Marchetti Nakamura Ndiaye Okafor Osei
Pellegrin Pritchard Quist Rahimi Roth Saarinen Sandoval Tanaka Thorne Ueda Vance Varga Weiss Whitlock Yilmaz Zapata""".split()
STEMS = """Amber Apex Argo Beacon Birch Blue Bright Cedar Cobalt Copper Delta Dune Ember Fathom Fern Flint Garnet Glade
Granite Halo Harrow Heron Indigo Iron Ivory Juniper Kestrel Lark Linden Lumen Maple Meridian Mistral Nimbus North Oak
Onyx Opal Orchid Osprey Pearl Pine Quartz Raven Ridge River Rowan Saffron Sable Sequoia Sierra Silver Slate Solstice
Spruce Sterling Summit Tern Thistle Topaz Umber Vale Vertex Willow Wren Zephyr""".split()
ENDS = """Analytics Bank Biologics Capital Dynamics Energy Foods Freight Group Health Holdings Industries Insurance
Instruments Labs Logistics Materials Media Metals Mutual Networks Optics Partners Pharma Power Robotics Software Systems
Telecom Textiles Therapeutics Ventures Water Works""".split()
PLACES = """Aldbrook Ansted Barrowfield Bexham Brindle Calder Carrick Corvale Dunmere Eastholm Elmstead Farrow Fenwick
Galston Glenmoor Hadley Harwick Inverley Kelso Kingsferry Lakemont Langford Marlow Millhaven Netherby Newbridge Oakhurst
Ormsby Pembury Penrose Quarrington Redcliff Rosemoor Saltash Selby Stanmore Tarrant Thornbury Upton Waverly Westmere
Whitby Wexcombe Yarrow""".split()
MONTHS = """January February March April May June July August September October November December""".split()
DAYS = """Monday Tuesday Wednesday Thursday Friday Saturday Sunday""".split()
DISEASES = """asthma migraine eczema anaemia gout arthritis glaucoma psoriasis measles malaria""".split()


class Prose:
    """Words by dice; the same dice give the same words."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def one(self, words: list[str]) -> str:
        """One of them."""
        return self.dice.choice(words)

    def noun(self) -> str:
        """With an adjective, mostly."""
        word = self.one(NOUNS)
        return f"{self.one(ADJECTIVES)} {word}" if self.dice.random() < 0.7 else word

    def person(self) -> str:
        """A full name."""
        return f"{self.one(FIRST)} {self.one(LAST)}"

    def org(self) -> str:
        """The name of an organisation."""
        return f"{self.one(STEMS)}{self.dice.choice(['', ' '])}{self.one(STEMS).lower()} {self.one(ENDS)}".replace(
            "  ", " "
        )

    def place(self) -> str:
        """A town."""
        return self.one(PLACES)

    def date(self) -> str:
        """A day of a month."""
        return f"{self.dice.randint(1, 28)} {self.one(MONTHS)}"

    def number(self) -> str:
        """A figure as newspapers write it."""
        return self.dice.choice(
            [
                str(self.dice.randint(2, 99)),
                f"{self.dice.randint(1, 900)},{self.dice.randint(0, 999):03}",
                f"{self.dice.randint(1, 99)}.{self.dice.randint(1, 9)} million",
                f"{self.dice.randint(2, 98)} per cent",
            ]
        )

    def clause(self) -> str:
        """Who did what."""
        return f"the {self.noun()} {self.one(VERBS)} the {self.noun()}"

    def sentence(self) -> str:
        """One sentence, sometimes with a name, a figure or a quote in it."""
        roll = self.dice.random()
        if roll < 0.2:
            text = f"“{self.clause()}, {self.one(LINKS)} {self.clause()},” said {self.person()}, {self.one(ADJECTIVES)} {self.one(NOUNS)} at {self.org()}"
            return "“" + text[1].upper() + text[2:] + "."
        if roll < 0.45:
            text = f"{self.clause()} of {self.place()} for {self.number()}, {self.one(LINKS)} {self.one(VERBS)} {self.noun()}"
        elif roll < 0.65:
            text = f"{self.one(LINKS)} {self.date()}, {self.number()} {self.one(NOUNS)}s {self.one(VERBS)} a {self.noun()} {self.one(LINKS)} {self.place()}"
        else:
            text = f"{self.clause()} {self.one(LINKS)} {self.clause()} and {self.one(VERBS)} its {self.noun()}"
        return text[0].upper() + text[1:] + "."

    def paragraph(self, sentences: int | None = None) -> str:
        """Some sentences."""
        return " ".join(self.sentence() for _ in range(sentences or self.dice.randint(2, 4)))

    def title(self, subject: str | None = None) -> str:
        """A headline."""
        text = f"{subject or self.noun().title()} {self.one(VERBS)} {self.noun()} {self.one(LINKS)} {self.noun()}"
        return text[0].upper() + text[1:]

    def about(self, org: str) -> str:
        """The paragraph every release of an organisation ends with."""
        return f"About {org}: {org} is a {self.noun()} of {self.place()}. " + self.paragraph(self.dice.randint(3, 5))
