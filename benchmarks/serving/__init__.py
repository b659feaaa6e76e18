"""Speed of answers, in process and over HTTP, against what people serve a BERT with."""
