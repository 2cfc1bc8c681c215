"""Learn how sure a row is, from papers that people read whole; OUT is a matcher's folder.

Score the read train papers with an index that does not hold them, and without one (minutes each):

    tdm-ray score read-papers --out with-index
    tdm-ray score read-papers --index none --out without-index
    python jobs/confidence.py --with-index with-index --without-index without-index \\
        --read tests/by_reading/papers.jsonl --rows tests/by_reading/rows.jsonl --out tdm_ray/extract/embedded
"""

import argparse
import json

from tdm_ray.training.confidence import learn_confidence


def main() -> None:
    """Parse the command line, run the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--with-index", required=True, help="a store of these papers, scored with an index")
    parser.add_argument("--without-index", required=True, help="the same without one")
    parser.add_argument("--read", required=True, help="what people read, in the form of tests/by_reading")
    parser.add_argument("--rows", help="rows that people read one by one, in the form of tests/by_reading")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    facts = learn_confidence(args.with_index, args.without_index, args.read, args.out, rows=args.rows)
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
