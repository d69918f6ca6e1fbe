"""Which picture sizes a network takes."""

from dataclasses import dataclass

from imaginable.core.errors import UserError


@dataclass(frozen=True)
class Sizes:
    """Multiples of `step` from `least` to `most`, or only powers of two."""

    least: int = 16
    most: int = 256
    step: int = 4
    powers: bool = False

    def takes(self, size: int) -> bool:
        if not self.least <= size <= self.most:
            return False
        return size & (size - 1) == 0 if self.powers else size % self.step == 0

    def nearest(self, size: int) -> int:
        valid = (other for other in range(self.least, self.most + 1) if self.takes(other))
        return min(valid, key=lambda other: abs(other - size))

    def check(self, size: int, who: str) -> None:
        """Raises UserError with the nearest size that would do."""
        if not self.takes(size):
            rule = "a power of two" if self.powers else f"a multiple of {self.step}"
            raise UserError(
                f"--size {size}: {who} takes {rule} from {self.least} to {self.most}; "
                f"the nearest is {self.nearest(size)}"
            )
