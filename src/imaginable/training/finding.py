"""What is wrong with a run, in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """name: what it is called. verdict: a sentence with the numbers. remedy: a sentence on what to do."""

    name: str
    verdict: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}; {self.remedy}"
