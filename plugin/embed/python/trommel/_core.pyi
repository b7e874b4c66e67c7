from typing import Any, List, Optional, Tuple

version: str

class Error(Exception):
    code: int

class Core:
    def __init__(
        self,
        config: Optional[bytes],
        stages: Optional[Tuple[Tuple[bytes, Tuple[bytes, ...]], ...]],
        set: Tuple[bytes, ...],
        out: Optional[bytes],
        dedupe_log: Optional[bytes],
        workers: int,
        queue: int,
        page_timeout_ms: int,
        stage_timeout_ms: int,
        worker_bytes: int,
        ordered: bool,
        network_stages: bool,
        sink_patience_ms: int,
        records: int,
    ) -> None: ...
    def submit(
        self,
        number: int,
        body: "bytes | str",
        status: int,
        id: Optional[str],
        url: Optional[str],
        final_url: Optional[str],
        content_type: "str | bytes | None",
        content_encoding: "str | bytes | None",
        headers: Optional[bytes],
        fetched_ms: int,
        fetch: Optional[bytes],
        deadline_ms: int,
        failed: Optional[str],
        /,
    ) -> bool: ...
    def dispatch(self, timeout_ms: int, /) -> List[Tuple[int, int, int, Any]]: ...
    def flush(self, timeout_ms: int, /) -> bool: ...
    def change(
        self,
        ends: List[Tuple[int, int, int, Optional[str]]],
        kind: int,
        id: Optional[bytes],
        file: Optional[bytes],
        after: Optional[bytes],
        set: Tuple[bytes, ...],
        ids: Tuple[bytes, ...],
        keep: Tuple[bytes, ...],
        flags: int,
        /,
    ) -> None: ...
    def logs(self) -> List[Tuple[int, str]]: ...
    def fileno(self) -> int: ...
    def pending(self) -> int: ...
    def close(self) -> None: ...

def decode(record: bytes, /) -> Any: ...
