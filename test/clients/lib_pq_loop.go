// test/clients/lib_pq_loop.go: the loop of loop.sql in Go, database/sql on lib/pq.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"time"

	"github.com/lib/pq"
)

var failed = false

func same(name string, got, expected interface{}) {
	if reflect.DeepEqual(got, expected) {
		fmt.Println("ok - " + name)
	} else {
		failed = true
		fmt.Printf("not ok - %s\ngot %#v, expected %#v\n", name, got, expected)
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("not ok - all of it runs")
		panic(err)
	}
}

type object = map[string]interface{}

// As a string: with binary_parameters=yes a []byte would go as binary jsonb.
func asJSON(value interface{}) string {
	text, err := json.Marshal(value)
	must(err)
	return string(text)
}

func main() {
	var warnings []string
	options := ""
	if os.Getenv("POOLED") != "" {
		// Else a query with parameters takes two round trips, which a pooler in
		// transaction mode may send to two servers.
		options = " binary_parameters=yes"
	}
	connector, err := pq.NewConnector("host=" + os.Getenv("PGHOST") + options)
	must(err)
	db := sql.OpenDB(pq.ConnectorWithNoticeHandler(connector, func(notice *pq.Error) {
		warnings = append(warnings, notice.Severity+" "+string(notice.Code)+" "+notice.Message)
	}))
	german := asJSON(object{"languages": "de", "rating": object{"$gte": 4}})
	tomorrow := time.Now().Add(24 * time.Hour)
	twoHoursLater := tomorrow.Add(2 * time.Hour)

	for ref, profile := range map[string]object{
		"ada": {"name": "Ada", "languages": []string{"de", "en"}, "rating": 4.5},
		"bob": {"name": "Bob", "languages": []string{"fr"}, "rating": 5},
		"eve": {"name": "Eve", "languages": []string{"de"}, "rating": 4},
	} {
		_, err := db.Exec("INSERT INTO trees.worker (ref, profile) VALUES ($1, $2)", ref, asJSON(profile))
		must(err)
	}
	insertGig := func(ref *string, title string, from, to time.Time) (id int64, err error) {
		err = db.QueryRow(`
			INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query)
			VALUES ($1, $2, 'https://trees.example/plant', $3, $4, 1, $5) RETURNING id`,
			ref, title, from, to, german).Scan(&id)
		return
	}
	plant := "plant"
	gig, err := insertGig(&plant, "Plant trees", tomorrow, twoHoursLater)
	must(err)
	same("the id is exact", gig, int64(4000000001))

	var matching int64
	must(db.QueryRow("SELECT DISTINCT matching FROM trees.preview($1)", german).Scan(&matching))
	same("two match a filter", matching, int64(2))

	_, err = db.Exec("CALL cirro.run_waves($1)", "trees")
	must(err)
	same("CALL is in no transaction", len(warnings), 0)

	invitation := func(ref string) (id int64) {
		must(db.QueryRow("SELECT invitation_id FROM trees.worker_invitation WHERE worker_ref = $1", ref).Scan(&id))
		return
	}
	accept := func(id int64) (status string, err error) {
		err = db.QueryRow("SELECT status FROM trees.accept($1)", id).Scan(&status)
		return
	}
	status, err := accept(invitation("ada"))
	must(err)
	same("ada has accepted", status, "accepted")

	var refused *pq.Error
	_, err = accept(invitation("eve"))
	if errors.As(err, &refused) {
		same("eve's accept says what is so and what to do",
			[]string{string(refused.Code), refused.Message, refused.Detail, refused.Hint},
			[]string{"UG011", "gig 4000000001 is filled", "It has 1 seat.",
				"Wait until a worker leaves, or raise the seats of the gig."})
	} else {
		same("eve's accept fails", err, "an error of PostgreSQL")
	}
	_, err = insertGig(nil, "Ends before it starts", twoHoursLater, tomorrow)
	if errors.As(err, &refused) {
		same("a bad gig names its field",
			[]string{string(refused.Code), refused.Schema, refused.Table, refused.Column, refused.Constraint},
			[]string{"23514", "trees", "gig", "end_at", "gig_end_at_check"})
	} else {
		same("a bad gig fails", err, "an error of PostgreSQL")
	}

	var claim int64
	var ids []int64
	var kinds []string
	rows, err := db.Query("SELECT claim, id, kind FROM trees.claim_notifications(100)")
	must(err)
	for rows.Next() {
		var id int64
		var kind string
		must(rows.Scan(&claim, &id, &kind))
		ids = append(ids, id)
		kinds = append(kinds, kind)
	}
	must(rows.Err())
	sort.Strings(kinds)
	same("what is claimed", kinds,
		[]string{"gig.filled", "invitation.created", "invitation.created", "invitation.updated"})
	same("with the exact number", claim >= 9007199250000001, true)
	var confirmed int
	must(db.QueryRow("SELECT trees.confirm_notifications($1, $2)", claim, pq.Array(ids)).Scan(&confirmed))
	same("and confirmed", confirmed, 4)

	transaction, err := db.BeginTx(context.Background(), nil)
	must(err)
	_, err = transaction.Exec("CALL cirro.run_waves('trees')")
	must(err)
	must(transaction.Commit())
	same("CALL in a transaction warns", warnings,
		[]string{"WARNING 25001 waves in a transaction block are not committed as they go"})
	if failed {
		os.Exit(1)
	}
}
