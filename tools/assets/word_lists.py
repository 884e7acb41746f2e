"""Lists of words of our own, to measure the bias of word vectors: pairs, occupations."""

from __future__ import annotations

# The ten pairs by which the direction of gender is defined, the feminine word first.
GENDER_PAIRS = """
she-he her-his woman-man mary-john herself-himself daughter-son mother-father gal-guy girl-boy
female-male
"""

# Pairs that should differ in nothing but gender.
EQUALIZE_PAIRS = """
actress-actor aunt-uncle bride-groom businesswoman-businessman congresswoman-congressman
countess-count daughter-son daughters-sons duchess-duke empress-emperor female-male females-males
gal-guy girl-boy girls-boys goddess-god granddaughter-grandson grandmother-grandfather
heiress-heir heroine-hero herself-himself lady-gentleman ladies-gentlemen mare-stallion
mother-father mothers-fathers niece-nephew nun-monk policewoman-policeman princess-prince
queen-king queens-kings schoolgirl-schoolboy she-he sister-brother sisters-brothers
spokeswoman-spokesman stepdaughter-stepson stepmother-stepfather waitress-waiter widow-widower
wife-husband witch-wizard woman-man women-men
"""

# Words that mean a gender: they keep it when others lose theirs.
GENDER_SPECIFIC = """
actor actress aunt aunts bachelor ballerina barmaid beard beards boy boyfriend boyhood boys bride
brides brother brotherhood brothers bull businessman businessmen businesswoman chairman
chairwoman clergyman congressman congresswoman councilman countess cowboy cowboys czar dad daddy
daughter daughters diva dude duchess duke emperor empress estrogen father fatherhood
fathers female females fiance fiancee fraternity gal gals gentleman gentlemen girl girlfriend
girlfriends girls goddess godfather grandfather granddaughter grandma grandmother grandpa
grandson grandsons groom guy guys handyman he heiress hen her heroine herself him himself his
housewife housewives husband husbands king kings lad ladies lady lesbian lesbians lion lioness
ma male males mama man maternal maternity matriarch men menopause mistress mom mommy monastery
monk monks mother motherhood mothers mustache nephew nephews niece nieces nun nuns obstetrics
ovarian pa paternal paternity patriarch penis policeman policewoman pregnancy pregnant priest
prince princes princess prostate queen queens salesman schoolboy schoolgirl she sir sister
sisters son sons sorority sperm spokesman spokesmen spokeswoman stallion statesman stepdaughter
stepfather stepmother stepson suitor testosterone uncle uncles uterus vagina viagra waitress
widow widower widows wife witch witches wives woman womb women
"""

OCCUPATIONS = """
accountant administrator advocate ambassador analyst anthropologist archaeologist architect
archivist artist assassin astronaut astronomer athlete attendant attorney author baker banker
barber baritone bartender biologist bishop blacksmith boss boxer broadcaster broker bureaucrat
butcher butler cabbie captain caretaker carpenter cartoonist cellist chancellor chef chemist
choreographer cinematographer clerk coach colonel columnist comedian composer conductor
consultant cop critic curator dancer dean dentist deputy dermatologist designer detective
diplomat director doctor drummer economist editor educator electrician engineer entertainer
entrepreneur environmentalist farmer filmmaker financier firefighter fisherman footballer
gardener geologist goalkeeper guitarist hairdresser historian homemaker housekeeper illustrator
inspector instructor interpreter inventor investigator janitor jeweler journalist judge jurist
laborer landlord lawmaker lawyer lecturer librarian lieutenant lifeguard magician magistrate
maid manager marshal mathematician mechanic mediator medic midwife minister miner missionary
model musician nanny narrator naturalist negotiator neurologist neurosurgeon novelist nurse
nutritionist observer officer optician organist orthodontist painter pathologist pediatrician
performer pharmacist philosopher photographer physician physicist pianist pilot plumber poet
politician porter potter preacher president principal producer professor programmer prosecutor
psychiatrist psychologist publicist radiologist ranger realtor receptionist referee reporter
researcher sailor scholar scientist screenwriter sculptor secretary senator sergeant sheriff
shopkeeper singer socialite sociologist soldier solicitor stylist sculptor surgeon surveyor
tailor teacher technician therapist trader trainer translator treasurer trucker tutor
undertaker veterinarian violinist warden weaver welder worker wrestler writer
"""

LISTS = {
    "gender_pairs": [pair.split("-") for pair in GENDER_PAIRS.split()],
    "equalize_pairs": [pair.split("-") for pair in EQUALIZE_PAIRS.split()],
    "gender_specific": GENDER_SPECIFIC.split(),
    "occupations": list(dict.fromkeys(OCCUPATIONS.split())),
}
