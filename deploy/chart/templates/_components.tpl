{{/* What the shop needs of each store and broker, as in resources/. A test compares them. */}}
{{- define "pizzashop.storeMetadata" -}}
- {name: actorStateStore, value: "true"}
{{- end }}

{{- define "pizzashop.brokerMetadata" -}}
{{- if eq .Values.broker.type "redis" -}}
- {name: processingTimeout, value: 5s}
- {name: redeliverInterval, value: 2s}
- {name: concurrency, value: "100"}
- {name: queueDepth, value: "100"}
- {name: maxLenApprox, value: "100000"}
{{- else if eq .Values.broker.type "kafka" -}}
- {name: version, value: 2.8.0}
- {name: initialOffset, value: oldest}
{{- else -}}
- {name: deletedWhenUnused, value: "false"}
- {name: durable, value: "true"}
- {name: deliveryMode, value: "2"}
- {name: publisherConfirm, value: "true"}
- {name: requeueInFailure, value: "true"}
- {name: prefetchCount, value: "100"}
- {name: maxLen, value: "100000"}
{{- end }}
{{- end }}
