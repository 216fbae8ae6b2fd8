/** Apache Kafka: a source and a sink. Needs the package `@platformatic/kafka`. */
export {};
