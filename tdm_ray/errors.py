"""Every error tdm_ray raises on purpose, and every reason it has to reject a paper.

    TdmRayError                 exit code 1; the message names the file, the row and the cure
    ├── InputError              exit code 2: nothing to read, wrong columns, an unknown format
    │   └── UnreachableError    exit code 1: a store that does not answer; it may do so later
    ├── TaxonomyError           exit code 2: a taxonomy or an annotation file that cannot be used
    ├── CheckpointError         exit code 2: a folder that is no checkpoint or no index
    ├── OutputError             exit code 3: the output folder holds another run's results
    ├── BusyError               exit code 4: another run holds the store; nothing to do but come again
    └── PaperError              one paper cannot be used; becomes a row of the rejects table, never a crash

A `PaperError` carries one of `REASONS`; the list is closed, so that a count by reason means something.
"""

REASONS: dict[str, str] = {
    "empty": "the file or row holds no text",
    "too_large": "larger than the limit for one paper",
    "truncated": "a compressed file that ends early or is damaged",
    "malformed_xml": "not well-formed XML",
    "malformed_json": "not valid JSON",
    "not_a_paper": "readable, but not of the documented form of a paper",
    "no_text": "neither an abstract nor a section with text",
    "pdf_only": "an e-print without TeX source",
    "html_only": "an e-print that is a web page",
    "withdrawn": "an e-print whose authors have withdrawn it",
    "no_source": "an e-print without a TeX file",
    "checksum": "a tar that is not as the manifest says; its papers were read all the same",
    "filtered": "outside the categories or dates that were asked for",
    "older_version": "a newer version of the paper is in this input",
    "too_slow": "longer at work than the limit for one paper",
    "unreadable": "the file could not be read",
    "duplicate_id": "another paper of this input has the same paper_id",
    "failed": "an unexpected error while the paper was read or scored",
    "crashed": "it ended the process that worked on it, each time it was tried",
}


class TdmRayError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class InputError(TdmRayError):
    """The input as a whole cannot be used."""

    exit_code = 2


class UnreachableError(InputError):
    """A store that does not answer; it may do so later."""

    exit_code = 1


class TaxonomyError(TdmRayError):
    """A taxonomy or annotations file cannot be used."""

    exit_code = 2


class CheckpointError(TdmRayError):
    """A folder is not the checkpoint or index it is taken for."""

    exit_code = 2


class OutputError(TdmRayError):
    """The output folder cannot take this run's results."""

    exit_code = 3


class BusyError(TdmRayError):
    """Another run is at work on the same store."""

    exit_code = 4


class PaperError(TdmRayError):
    """One paper cannot be used: `reason` is a key of `REASONS`, `detail` says what was seen."""

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reject reason {reason!r}; add it to tdm_ray.errors.REASONS")
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail or REASONS[reason]}")
