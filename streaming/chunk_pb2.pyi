from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_FILE: _ClassVar[Encoding]
    ENCODING_F32LE: _ClassVar[Encoding]

class Compression(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPRESSION_UNSPECIFIED: _ClassVar[Compression]
    COMPRESSION_NONE: _ClassVar[Compression]
    COMPRESSION_GZIP: _ClassVar[Compression]
ENCODING_UNSPECIFIED: Encoding
ENCODING_FILE: Encoding
ENCODING_F32LE: Encoding
COMPRESSION_UNSPECIFIED: Compression
COMPRESSION_NONE: Compression
COMPRESSION_GZIP: Compression

class Chunk(_message.Message):
    __slots__ = ("upload_id", "index", "count", "encoding", "compression", "sample_rate", "channels", "payload", "crc32", "track_bytes", "track_sha256")
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    TRACK_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRACK_SHA256_FIELD_NUMBER: _ClassVar[int]
    upload_id: bytes
    index: int
    count: int
    encoding: Encoding
    compression: Compression
    sample_rate: int
    channels: int
    payload: bytes
    crc32: int
    track_bytes: int
    track_sha256: bytes
    def __init__(self, upload_id: _Optional[bytes] = ..., index: _Optional[int] = ..., count: _Optional[int] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., compression: _Optional[_Union[Compression, str]] = ..., sample_rate: _Optional[int] = ..., channels: _Optional[int] = ..., payload: _Optional[bytes] = ..., crc32: _Optional[int] = ..., track_bytes: _Optional[int] = ..., track_sha256: _Optional[bytes] = ...) -> None: ...
