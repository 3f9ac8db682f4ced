"""Files: they are uploaded in parts, kept, and read, whatever is in them and however large, into entries."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.files.cleaning import cleanup_old_files, cleanup_temp_files
    from oddline.files.compressing import compress_log_file
    from oddline.files.deleting import delete_file, delete_log_file
    from oddline.files.holding import holds
    from oddline.files.log_file import FileState, LogFile
    from oddline.files.looking import extract_log_metadata
    from oddline.files.metadata import Metadata, MetadataFold
    from oddline.files.model import Block, Entry, Found, Problems
    from oddline.files.processing import mark_failed, parse_structured_logs, process_log_file, tell_of_group
    from oddline.files.reading import EntryReader, read_entries
    from oddline.files.resuming import from_place
    from oddline.files.service import (
        UPLOADED,
        PutObject,
        delete,
        find_behind,
        is_underway,
        list_files,
        origin_of,
        take_object,
    )
    from oddline.files.sniffing import look_at
    from oddline.files.summing_up import calculate_file_analytics, score_log_file
    from oddline.files.tasks import (
        CALCULATE_FILE_ANALYTICS,
        CLEANUP_OLD_FILES,
        CLEANUP_TEMP_FILES,
        COMPRESS_LOG_FILE,
        DELETE_LOG_FILE,
        EXTRACT_LOG_METADATA,
        PARSE_STRUCTURED_LOGS,
        PROCESS_LOG_FILE,
        PROCESS_LOG_FILES,
        SCORE_LOG_FILE,
        TASKS,
        FileGroup,
        FilePayload,
        FormattedFile,
    )
    from oddline.files.unpacking import MAGIC_BYTES, NONE, compression_of, unpacked
    from oddline.files.uploads import PART_BYTES_UNTOLD, PREFIX, Wanted, begin, complete, existing, page, put
    from oddline.files.workflow import Started, start_group, start_processing

_HOMES = {
    "cleaning": ["cleanup_old_files", "cleanup_temp_files"],
    "compressing": ["compress_log_file"],
    "deleting": ["delete_file", "delete_log_file"],
    "holding": ["holds"],
    "log_file": ["FileState", "LogFile"],
    "looking": ["extract_log_metadata"],
    "metadata": ["Metadata", "MetadataFold"],
    "model": ["Block", "Entry", "Found", "Problems"],
    "processing": ["mark_failed", "parse_structured_logs", "process_log_file", "tell_of_group"],
    "reading": ["EntryReader", "read_entries"],
    "resuming": ["from_place"],
    "service": [
        "UPLOADED",
        "PutObject",
        "delete",
        "find_behind",
        "is_underway",
        "list_files",
        "origin_of",
        "take_object",
    ],
    "sniffing": ["look_at"],
    "summing_up": ["calculate_file_analytics", "score_log_file"],
    "tasks": [
        "CALCULATE_FILE_ANALYTICS",
        "CLEANUP_OLD_FILES",
        "CLEANUP_TEMP_FILES",
        "COMPRESS_LOG_FILE",
        "DELETE_LOG_FILE",
        "EXTRACT_LOG_METADATA",
        "PARSE_STRUCTURED_LOGS",
        "PROCESS_LOG_FILE",
        "PROCESS_LOG_FILES",
        "SCORE_LOG_FILE",
        "TASKS",
        "FileGroup",
        "FilePayload",
        "FormattedFile",
    ],
    "unpacking": ["MAGIC_BYTES", "NONE", "compression_of", "unpacked"],
    "uploads": ["PART_BYTES_UNTOLD", "PREFIX", "Wanted", "begin", "complete", "existing", "page", "put"],
    "workflow": ["Started", "start_group", "start_processing"],
}

__all__ = [
    "CALCULATE_FILE_ANALYTICS",
    "CLEANUP_OLD_FILES",
    "CLEANUP_TEMP_FILES",
    "COMPRESS_LOG_FILE",
    "DELETE_LOG_FILE",
    "EXTRACT_LOG_METADATA",
    "MAGIC_BYTES",
    "NONE",
    "PARSE_STRUCTURED_LOGS",
    "PART_BYTES_UNTOLD",
    "PREFIX",
    "PROCESS_LOG_FILE",
    "PROCESS_LOG_FILES",
    "SCORE_LOG_FILE",
    "TASKS",
    "UPLOADED",
    "Block",
    "Entry",
    "EntryReader",
    "FileGroup",
    "FilePayload",
    "FileState",
    "FormattedFile",
    "Found",
    "LogFile",
    "Metadata",
    "MetadataFold",
    "Problems",
    "PutObject",
    "Started",
    "Wanted",
    "begin",
    "calculate_file_analytics",
    "cleanup_old_files",
    "cleanup_temp_files",
    "complete",
    "compress_log_file",
    "compression_of",
    "delete",
    "delete_file",
    "delete_log_file",
    "existing",
    "extract_log_metadata",
    "find_behind",
    "from_place",
    "holds",
    "is_underway",
    "list_files",
    "look_at",
    "mark_failed",
    "origin_of",
    "page",
    "parse_structured_logs",
    "process_log_file",
    "put",
    "read_entries",
    "score_log_file",
    "start_group",
    "start_processing",
    "take_object",
    "tell_of_group",
    "unpacked",
]

__getattr__ = face(__name__, _HOMES)
