"""Stored files: found in folders and buckets or announced on a queue, judged as the stream's uploads are."""
