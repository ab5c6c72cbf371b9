"""The options of whoever reads a stream, out of the job's settings: EMR's connector or our own reader; pure.

Both give the same five columns. Our defaults go before the connector's own where those lose records, skip what is
there already, or hold more in memory than a worker has.
"""

from __future__ import annotations

from streaming.errors import UserError
from streaming.settings import Settings

CONNECTOR = "aws-kinesis"  # the awslabs connector's format
OWN_READER = "soundgate-kinesis"  # streaming.kinesis_source's
# Where EMR has the connector; `soundgate emr submit` passes it by --jars.
JAR_ON_EMR = "/usr/share/aws/kinesis/spark-sql-kinesis/lib/spark-streaming-sql-kinesis-connector.jar"
DYNAMODB = "dynamodb:"
SESSION_NAME = "soundgate"  # how a taken role's calls are named in CloudTrail
# Settings that only the connector can follow.
CONNECTOR_ONLY = ("kinesis_consumer", "kinesis_role_arn", "kinesis_metadata")


def connector_options(settings: Settings, stream: str, region: str, endpoint_url: str) -> dict[str, str]:
    """Give the connector's options for one stream.

    Parameters
    ----------
    settings
        The job's.
    stream
        The stream's name.
    region, endpoint_url
        Where its API is; the connector finds neither by itself.

    Raises
    ------
    UserError
        A value that the connector would not take.
    """
    options = {
        "kinesis.streamName": stream,
        "kinesis.region": region,
        "kinesis.endpointUrl": endpoint_url,
        "kinesis.kinesisRegion": region,  # else guessed from the endpoint's name
        "kinesis.startingPosition": settings.kinesis_starting_position,  # its own LATEST skips what is there already
        "kinesis.failOnDataLoss": str(settings.kinesis_fail_on_data_loss).lower(),  # its own false goes on in silence
        "kinesis.maxFetchRecordsPerShard": str(settings.kinesis_shard_records),
        # A shard that is never idle would else keep a batch open until it has given all those records.
        "kinesis.maxFetchTimePerShardSec": str(settings.kinesis_shard_seconds),
        "kinesis.internal.dataQueueCapacity": str(settings.kinesis_queue_records),
        "kinesis.consumerType": "SubscribeToShard" if settings.kinesis_consumer else "GetRecords",
        **_metadata(settings.kinesis_metadata, stream),
    }
    if settings.kinesis_consumer:
        options["kinesis.consumerName"] = settings.kinesis_consumer
    if settings.kinesis_role_arn:
        options |= {"kinesis.stsRoleArn": settings.kinesis_role_arn, "kinesis.stsSessionName": SESSION_NAME}
    return options | settings.kinesis_options


def own_options(settings: Settings, stream: str) -> dict[str, str]:
    """Give our own reader's options for one stream.

    Raises
    ------
    UserError
        A setting that only the connector can follow.
    """
    for name in CONNECTOR_ONLY:
        if getattr(settings, name) != type(settings).model_fields[name].default:
            raise UserError(f"{name} takes the connector {CONNECTOR}: {OWN_READER} does not know it")
    options = {
        "kinesis.streamName": stream,
        "kinesis.metadataPath": f"{settings.checkpoint}/kinesis",
        "kinesis.startingPosition": settings.kinesis_starting_position,
        "kinesis.failOnDataLoss": str(settings.kinesis_fail_on_data_loss).lower(),
        "maxBytesPerTrigger": str(share_of_batch(settings)),
    }
    if settings.kinesis_region:
        options["kinesis.region"] = settings.kinesis_region
    if settings.kinesis_endpoint_url:
        options["kinesis.endpointUrl"] = settings.kinesis_endpoint_url
    return options | settings.kinesis_options


def share_of_batch(settings: Settings) -> int:
    """Give the bytes of a batch that each source may bring."""
    return max(1, settings.max_batch_bytes // len(settings.source))


def _metadata(where: str, stream: str) -> dict[str, str]:
    """Say where the connector keeps how far each batch got: one place a stream, for shards of all have the same ids."""
    if where == "checkpoint":
        return {}  # below the query's checkpoint, a folder a source
    if where.startswith(DYNAMODB) and len(where) > len(DYNAMODB):
        table = f"{where.removeprefix(DYNAMODB)}-{stream}"
        return {"kinesis.metadataCommitterType": "DYNAMODB", "kinesis.dynamodb.tableName": table}
    if "://" in where:
        return {"kinesis.metadataCommitterType": "HDFS", "kinesis.metadataPath": f"{where.rstrip('/')}/{stream}"}
    raise UserError(f"kinesis_metadata {where!r}: it is checkpoint, s3://…, hdfs://… or dynamodb:TABLE")
