// Command daprd is the Dapr sidecar with no components but those that the shop can be run with.
//
// Dapr's own daprd registers every component there is: compiling them takes longer than all the rest.
package main

import (
	consul "github.com/dapr/components-contrib/nameresolution/hashicorp/consul"
	"github.com/dapr/components-contrib/nameresolution/kubernetes"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	"github.com/dapr/components-contrib/nameresolution/nameformat"
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/kafka"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	redistopics "github.com/dapr/components-contrib/pubsub/redis"
	envsecrets "github.com/dapr/components-contrib/secretstores/local/env"
	filesecrets "github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/components-contrib/state/postgresql/v2"
	redisstate "github.com/dapr/components-contrib/state/redis"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
)

func main() {
	registerStateStores()
	registerTopics()
	registerNameResolutions()
	registerSecretStores()
	app.Run()
}

func registerStateStores() {
	state.DefaultRegistry.RegisterComponent(redisstate.NewRedisStateStore, "redis")
	state.DefaultRegistry.RegisterComponentWithVersions("postgresql", components.Versioning{
		Preferred: components.VersionConstructor{Version: "v2", Constructor: postgresql.NewPostgreSQLStateStore},
		Default:   "v2",
	})
}

func registerTopics() {
	pubsub.DefaultRegistry.RegisterComponent(redistopics.NewRedisStreams, "redis")
	pubsub.DefaultRegistry.RegisterComponent(kafka.NewKafka, "kafka")
	pubsub.DefaultRegistry.RegisterComponent(rabbitmq.NewRabbitMQ, "rabbitmq")
}

func registerNameResolutions() {
	nameresolution.DefaultRegistry.RegisterComponent(mdns.NewResolver, "mdns")
	nameresolution.DefaultRegistry.RegisterComponent(consul.NewResolver, "consul", "hashicorp.consul")
	nameresolution.DefaultRegistry.RegisterComponent(kubernetes.NewResolver, "kubernetes")
	nameresolution.DefaultRegistry.RegisterComponent(nameformat.NewResolver, "nameformat")
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
}

func registerSecretStores() {
	secretstores.DefaultRegistry.RegisterComponent(envsecrets.NewEnvSecretStore, "local.env")
	secretstores.DefaultRegistry.RegisterComponent(filesecrets.NewLocalSecretStore, "local.file")
}
