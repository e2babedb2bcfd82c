// Package archives writes the ZIP of a work order: its photos as they were taken, and a manifest.
package archives

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"

	"fieldproof/models"
	"fieldproof/storage"
)

// Manifest is manifest.json, the last entry of an archive (contract: archive).
type Manifest struct {
	WorkOrder   models.WorkOrderView `json:"work_order"`
	GeneratedAt models.Time          `json:"generated_at"`
	Items       []ManifestItem       `json:"items"`
}

// ManifestItem is one item of an archive. Path is "" for an item without bytes, such as a check-in.
type ManifestItem struct {
	Path          string               `json:"path"`
	UUID          string               `json:"uuid"`
	Kind          models.ItemKind      `json:"kind"`
	SHA256        string               `json:"sha256"`
	Size          int64                `json:"size"`
	Task          string               `json:"task"`
	EvidenceType  string               `json:"evidence_type"`
	TakenAt       *models.Time         `json:"taken_at"`
	ReceivedAt    models.Time          `json:"received_at"`
	Latitude      *float64             `json:"latitude"`
	Longitude     *float64             `json:"longitude"`
	Accuracy      *float64             `json:"accuracy"`
	Source        models.ItemSource    `json:"source"`
	Certification models.Certification `json:"certification"`
	UploadedBy    string               `json:"uploaded_by"`
	Notes         string               `json:"notes"`
	SurveyID      string               `json:"survey_id,omitempty"`
	Answers       json.RawMessage      `json:"answers,omitempty"` // of a survey response
}

// Describe makes an item's manifest entry.
func Describe(proof *models.Proof, item *models.Item, at string) ManifestItem {
	return ManifestItem{Path: at, UUID: item.UUID, Kind: item.Kind, SHA256: item.SHA256, Size: item.Size, Task: proof.TaskName(item), EvidenceType: item.EvidenceType,
		TakenAt: item.TakenAt, ReceivedAt: item.ReceivedAt, Latitude: item.Position.Latitude, Longitude: item.Position.Longitude, Accuracy: item.Position.Accuracy,
		Source: item.Source, Certification: item.Certification, UploadedBy: proof.Users[item.UploadedBy], Notes: item.Notes,
		SurveyID: item.SurveyID, Answers: json.RawMessage(item.Answers)}
}

// Write streams the archive of proof to w. It holds one photo's buffer in memory at a time, however many there are.
func Write(ctx context.Context, w io.Writer, blobs *storage.Store, proof *models.Proof, template string) error {
	archive := zip.NewWriter(w)
	manifest := Manifest{WorkOrder: proof.View, GeneratedAt: models.Now(), Items: []ManifestItem{}}
	for _, item := range proof.Items {
		at := ""
		if item.BlobKey != "" {
			at = path.Join(proof.FolderOf(template, item), proof.FileName(item))
			if err := add(ctx, archive, blobs, item, at); err != nil {
				return fmt.Errorf("archives: photo %s: %w", item.UUID, err)
			}
		}
		manifest.Items = append(manifest.Items, Describe(proof, item, at))
	}
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: manifest.GeneratedAt.Time})
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(entry)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(manifest); err != nil {
		return err
	}
	return archive.Close()
}

// add stores a photo as it is: photos don't shrink. Size and checksum are known, so nothing has to follow the bytes.
func add(ctx context.Context, archive *zip.Writer, blobs *storage.Store, item *models.Item, at string) error {
	reader, err := blobs.Get(ctx, item.BlobKey)
	if err != nil {
		return err
	}
	defer reader.Close()
	header := &zip.FileHeader{Name: at, Method: zip.Store, Modified: item.ReceivedAt.Time, CRC32: uint32(item.CRC32),
		CompressedSize64: uint64(item.Size), UncompressedSize64: uint64(item.Size)}
	header.SetModTime(item.ReceivedAt.Time) //nolint:staticcheck // CreateRaw takes the MS-DOS fields as they are
	entry, err := archive.CreateRaw(header)
	if err != nil {
		return err
	}
	n, err := io.Copy(entry, reader)
	if err == nil && n != item.Size {
		err = fmt.Errorf("%d bytes are stored where %d were taken", n, item.Size)
	}
	return err
}
