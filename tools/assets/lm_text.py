"""The text for the language-model head: documents to predict, and pages to count tokens in.

Both are of the pinned Debian package that the FAQ comes from. A document is a question of the FAQ
and its answer. Tokens are counted in the tutorial and the guides ("howto") of the same manual.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import faq
from .faq_pages import FaqPage, read_pairs
from .packages import pins, read_files

HTML = "usr/share/doc/python3.11/html/"
TUTORIAL = pins(
    HTML + "tutorial/",
    """
    b8b428935e4cd16d3d6a6a379d60ffaa630ff8f334a0e34c96c706cd3ac0c139  appendix.html
    d9fbbca21e0c08f43f6673b27f4c8635d91a283579221adbad5a913ccb1e98a9  appetite.html
    ee5d3ffbf3dd15dcbc2ad861c1146c18882a1eb00f7d4dcf6e3f0cda28e974ed  classes.html
    c4a44d836210c47a0c07d077b7b35929a6c17f0f5d140da76ab2cc053e59f455  controlflow.html
    80950a7a27fc50d54c38872fca154781885f3353e7781c547718cc82094af316  datastructures.html
    3f6c008c68217ed9e2e5cfb428e63d2f759105badc334fbd26c7dc2df9063f1f  errors.html
    057cba84e7fa9935336223a227599920c7f38567ab0b25807d1ca036216cd862  floatingpoint.html
    47e300d83e27c94cbac7d1c76e91a07d7a26e474ab5559ad631aad739842fcae  inputoutput.html
    69b8bbde2e37fe9ffc5980060b605ea605d9e7e9d32d36bab823197209d4bd5e  interactive.html
    dbf1dbccc6dec943d88f701e40604cc04ee4d010de33070d9c0f5aa7a3827a68  interpreter.html
    fb90ed75202d40a4167abf60fe9ba9a0d3a3926309ddc1d7e4f69a37de783082  introduction.html
    9b5b60b646d7a2036a54661feda7b92750e3411e7f57e1831b745ee94660c1c6  modules.html
    c5e5d5b38ea0356c3a0caacb9124166e563593078d93ec626a94800564f680fe  stdlib.html
    a9aeb8328cefcdc20ad8a850b2e6db0cc27bd25c42a37e2472ae41180b796a0b  stdlib2.html
    3de9b5e9ec7a24ca4f2e14006264380f09100aa7ec844b971021c7c7cd412801  venv.html
    c25956e05c0088da248a2f1f7b3221da542ff1eb5f2b2bbe879ee33bba686059  whatnow.html
    """,
)
GUIDES = pins(
    HTML + "howto/",
    """
    32be07750629d989f939b69fd848666fe6cbe1e9ad5fa53b6360a1398d8de782  annotations.html
    b6fd10e3ce5aecfb744511d3b8812af360ed87f57f0d2d7bfc7d6755889ef0a8  argparse.html
    e348c72961bb95379722861fc8adfe0115e33aed951d212eabf0c3238d56eb3d  clinic.html
    a3d61d77c1570cf4e62ffb315e51ced1b5e130cb645a5fc2c90eb680e99d28ce  cporting.html
    c9e7a66db5403df2fe70800d7bb82cde815360b95ab1ee3c34906e570f68846b  curses.html
    e48a51f8969bace56c92c02394e039f74624b59e79d12c5521af8a9665d033e8  descriptor.html
    a890a5417b4df371cba514380064639e15d508d5b2067086b914e5877baf74b0  enum.html
    6b81a849ffb48f232fcbec1ee739d273e99ec8ce9bb081faa12cb06bcca256f0  functional.html
    ac3a3dbc4db06208023c7c872db24900760c8c38ac434ebcdc9e4eccbb334817  instrumentation.html
    82ef347fba3dc0b89b0316024175bdd9663334f05daa9974f812691cbeacf68e  ipaddress.html
    89f92f30d84da4d7d6fc50189e5a49e293c28c510e7970465046c7ca59aaa9f9  isolating-extensions.html
    637ddb810f1b91e4191f7ed937556d123144fbf5818a349743bec801268192d4  logging-cookbook.html
    7c5aaf53eb2364de1cc950665c309fd78e728b18bedaaeb60095caeb59016c31  logging.html
    225e0fac0d5b50490a0cadb6b6fda0c5a074f7b3e2a5aa72d5b98a1ecc6342ec  pyporting.html
    eb7fd48a940f40508c74f536972c1e84e4cbab7bc9ce733a6e4608a8e8fbad73  regex.html
    5d24cb9f994fa5083a51581101b05434447a38820d68f10a2582f65dc652a36f  sockets.html
    f8ebb2fa55989822fba7b10873c3e4afb6ae8fdb6f13952a3ca6a8fca8ae8b82  sorting.html
    4868ab16ea881405f76f82afd4e8983d7c897318ff4457fcd21a41a9f2fdc30a  unicode.html
    31f1d6c1a35951ca1c081f31b9fc38c8f889e5c56602903ff32ba6c5592bfc55  urllib2.html
    """,
)
DOC = replace(faq.DOC, files=faq.DOC.files | TUTORIAL | GUIDES)


def read_texts(cache: Path) -> tuple[list[str], list[str]]:
    """The documents, in the order of `faq.json`, and the pages that tokens are counted in."""
    contents = {path: data.decode() for path, data in read_files(DOC, cache).items()}
    pairs = read_pairs({Path(path).stem: contents[path] for path in faq.DOC.files})
    documents = [f"{pair['question']}\n\n{pair['answer']}" for pair in pairs]
    return documents, [plain_text(contents[path]) for path in TUTORIAL | GUIDES]


def plain_text(html: str) -> str:
    """Headings, paragraphs and code of a page, with an empty line between them."""
    page = FaqPage()
    page.feed(html)
    page.close()
    blocks = [block for section in page.sections for block in [section.heading, *section.blocks]]
    return "\n\n".join(blocks)
