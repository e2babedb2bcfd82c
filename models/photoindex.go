package models

import "gorm.io/gorm"

// PhotoIndex is all photos of an order, newest first, in columns of equal length: that of 5,000 photos comes at once, and a
// screen knows each place before a picture is there. A task, a type of evidence and a user stand by their place in the
// dictionaries that begin it.
type PhotoIndex struct {
	Tasks         []string `json:"tasks"` // their ids
	EvidenceTypes []string `json:"evidence_types"`
	Users         []string `json:"users"`      // usernames
	UserNames     []string `json:"user_names"` // what those are called, each at the place of its username

	ID            []string         `json:"id"`
	Task          []*int           `json:"task"` // null: of no task
	Evidence      []int            `json:"evidence"`
	User          []int            `json:"user"` // who sent it
	Taken         []*Time          `json:"taken"`
	Size          []int64          `json:"size"`
	Width         []int64          `json:"width"` // upright, before the office rotated it, as the placeholder is
	Height        []int64          `json:"height"`
	Review        []Review         `json:"review"`
	Reviewer      []*int           `json:"reviewer"` // who judged it last, null: nobody
	Certification []*Certification `json:"certification"`
	Rotation      []int64          `json:"rotation"`
	Flagged       []bool           `json:"flagged"`
	Viewable      []bool           `json:"viewable"`
	Elsewhere     []bool           `json:"elsewhere"`   // the same bytes lie on another order that the asker sees
	Placeholder   []string         `json:"placeholder"` // a ThumbHash of 25 bytes, base64; "" until the renditions are made
}

// PhotoIndexOf makes the index of an order for a member.
func PhotoIndexOf(db *gorm.DB, o *WorkOrder, m *Member) (*PhotoIndex, error) {
	var photos []*Item
	err := m.ItemsSeenOf(db, o).Where("kind = ? AND deleted_at IS NULL", Photo).Order("id DESC").
		Select("id", "sha256", "task_id", "evidence_type", "uploaded_by", "taken_at", "size", "width", "height", "turned", "review", "reviewed_by", "certified_item",
			"certified_time", "certified_location", "rotation", "flagged", "renditions", "placeholder").Find(&photos).Error
	if err != nil {
		return nil, err
	}
	users, err := UsersOf(db, photos...)
	if err != nil {
		return nil, err
	}
	elsewhere, err := elsewhere(db, o, m)
	if err != nil {
		return nil, err
	}
	x := newPhotoIndex(len(photos))
	called := map[string]string{}
	for _, u := range users {
		called[u.Username] = u.Name
	}
	tasks, types, names := dictionary(&x.Tasks), dictionary(&x.EvidenceTypes), dictionary(&x.Users)
	verdicts := map[[3]int8]*Certification{} // few, of many
	for n, i := range photos {
		x.ID[n], x.Evidence[n], x.User[n], x.Taken[n], x.Size[n] = i.ID, types(i.EvidenceType), names(users[i.UploadedBy].Username), i.TakenAt, i.Size
		if i.TaskID != nil {
			at := tasks(*i.TaskID)
			x.Task[n] = &at
		}
		if i.ReviewedBy != "" && users[i.ReviewedBy].Username != "" {
			at := names(users[i.ReviewedBy].Username)
			x.Reviewer[n] = &at
		}
		if x.Width[n], x.Height[n] = i.Width, i.Height; i.Turned {
			x.Width[n], x.Height[n] = i.Height, i.Width
		}
		x.Review[n], x.Rotation[n], x.Flagged[n], x.Viewable[n], x.Placeholder[n] = i.Review, i.Rotation, i.Flagged, i.Viewable(), i.Placeholder
		_, x.Elsewhere[n] = elsewhere[i.SHA256]
		verdict := [3]int8{place(i.Certification.Item), place(i.Certification.Time), place(i.Certification.Location)}
		if verdicts[verdict] == nil {
			verdicts[verdict] = &i.Certification
		}
		x.Certification[n] = verdicts[verdict]
	}
	for _, username := range x.Users {
		x.UserNames = append(x.UserNames, called[username])
	}
	return x, nil
}

func newPhotoIndex(n int) *PhotoIndex {
	return &PhotoIndex{Tasks: []string{}, EvidenceTypes: []string{}, Users: []string{}, UserNames: []string{}, ID: make([]string, n), Task: make([]*int, n), Evidence: make([]int, n), User: make([]int, n),
		Taken: make([]*Time, n), Size: make([]int64, n), Width: make([]int64, n), Height: make([]int64, n), Review: make([]Review, n), Reviewer: make([]*int, n),
		Certification: make([]*Certification, n), Rotation: make([]int64, n), Flagged: make([]bool, n), Viewable: make([]bool, n), Elsewhere: make([]bool, n),
		Placeholder: make([]string, n)}
}

// dictionary gives each word its place in a list, to which new ones are added.
func dictionary(list *[]string) func(word string) int {
	places := map[string]int{}
	return func(word string) int {
		at, there := places[word]
		if !there {
			at = len(*list)
			places[word] = at
			*list = append(*list, word)
		}
		return at
	}
}

func place(verdict *bool) int8 {
	switch {
	case verdict == nil:
		return 0
	case *verdict:
		return 1
	}
	return 2
}

// elsewhere are the hashes of photos of an order whose bytes lie on another order too that the member sees.
func elsewhere(db *gorm.DB, o *WorkOrder, m *Member) (map[string]bool, error) {
	var hashes []string
	q := db.Model(&Item{}).Joins("JOIN items other ON other.account_id = items.account_id AND other.kind = 'photo' AND other.sha256 = items.sha256 AND other.work_order_id <> items.work_order_id").
		Joins("JOIN work_orders ON work_orders.id = other.work_order_id").
		Where("items.work_order_id = ? AND items.kind = ? AND items.deleted_at IS NULL AND other.deleted_at IS NULL", o.ID, Photo)
	if err := m.OrdersSeen(q).Distinct().Pluck("items.sha256", &hashes).Error; err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, h := range hashes {
		found[h] = true
	}
	return found, nil
}

// PhotosAtOnce is how many photos one call may review.
const PhotosAtOnce = 200

// PhotoReview is the office's word on one photo.
type PhotoReview struct {
	ID     string  `json:"id" required:"true"`
	Review Review  `json:"review" required:"true"`
	Reason string  `json:"reason,omitempty"`
	Was    *Review `json:"was,omitempty"` // as the asker saw it: what stands otherwise by now is left alone
}

// What became of a review.
const (
	ReviewDone             = "done"
	ReviewUnchanged        = "unchanged"
	ReviewChangedMeanwhile = "changed_meanwhile" // somebody else judged it otherwise: nothing was done
	ReviewRefused          = "refused"
)

// ReviewResults lists what becomes of a review.
var ReviewResults = []string{ReviewDone, ReviewUnchanged, ReviewChangedMeanwhile, ReviewRefused}

// ReviewedPhoto says what became of one review, and how the photo stands now.
type ReviewedPhoto struct {
	ID             string  `json:"id"`
	Result         string  `json:"result" words:"review_result"`
	Review         *Review `json:"review"` // null where the photo is not seen
	Reason         string  `json:"reason"`
	ReviewedBy     *string `json:"reviewed_by"`      // a username
	ReviewedByName *string `json:"reviewed_by_name"` // what they are called
	Code           string  `json:"code,omitempty"`   // of a refusal
	Message        string  `json:"message,omitempty"`
}
