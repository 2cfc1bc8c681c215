"""A night under `ray job submit`; the options are those of `tdm-ray nightly`.

    ray job submit --address http://127.0.0.1:8265 --working-dir jobs -- \\
        python nightly.py s3://bucket/papers --store s3://bucket/store --log-json

On one's own machine, by cron: `python jobs/nightly.py papers/ --store store`. Exit codes: 0 done, also where
nothing was new; 1 an error, try again: it goes on where it stopped; 2 bad input; 4 another night is at work.
"""

import sys

from tdm_ray.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["nightly"]
    main()
