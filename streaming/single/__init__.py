"""One upload or file at a time, without Spark: for a queue's requests and for a Lambda function."""
